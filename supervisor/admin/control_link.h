// The connection to the supervisor's control protocol (docs/control.md): JSON-RPC 2.0, one object a line.
// Requests go out as they come; the answer to a reload may come after those to later ones. It never waits.
// What is not an answer, an event or a listen line ends the link: nothing can be trusted after it.
#pragma once

#include <cstdint>
#include <deque>
#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "proto/fd.h"
#include "supervisor/admin/asio.h"
#include "supervisor/admin/json_read.h"

namespace prefork {

/// Of a request: its result, or why there is none.
struct Reply {
  static constexpr int kNoAnswer = 0;
  Json result;
  int code = kNoAnswer;  ///< of the supervisor's error
  std::string error;     ///< empty: there is a result
};

enum class LinkEnd {
  kClosed,  ///< by the supervisor: it stops, is replaced in an upgrade, was killed, or wants no link any more
  kBroken,
};

/// What the supervisor sends unasked.
class LinkListener {
 public:
  virtual ~LinkListener() = default;
  virtual void event_came(const Json& event) = 0;
  /// Line "listen": `descriptors` are the sockets of the addresses in `order`, admin's first; then the file
  /// of the history, if `order` says that it comes.
  virtual void listen_came(const Json& order, std::vector<Fd> descriptors) = 0;
  virtual void link_ended(LinkEnd how, const std::string& why) = 0;
};

class ControlLink {
 public:
  /// Maximum size of a line, in bytes. The status of thousands of workers has a few MiB.
  static constexpr std::size_t kMaxLine = std::size_t{64} << 20;
  /// Under way at once, of those that clients make the process send.
  static constexpr std::size_t kMaxRequests = 64;

  using OnReply = std::function<void(Reply)>;

  ControlLink(IoContext& io, LinkListener& listener) : socket_(io), listener_(listener) {}

  /// `socket` is connected.
  void open(Fd socket);
  [[nodiscard]] bool is_open() const { return socket_.is_open(); }
  /// A request that cannot be sent is answered at once. The time that an answer takes has no limit here.
  void call(const char* method, Json parameters, OnReply on_reply);

 private:
  struct Pending {
    std::uint64_t id = 0;
    OnReply on_reply;
  };

  void read_when_ready();
  void read();
  /// False: the connection has ended.
  bool receive();
  void take_lines();
  void take(std::string_view line);
  [[nodiscard]] std::deque<Pending>::iterator find_pending(const Json& line);
  static void take_answer(const Json& line, const OnReply& on_reply);
  void take_listen(const Json& order);
  void write();
  void end(LinkEnd how, const std::string& why);

  Stream socket_;
  LinkListener& listener_;
  std::string input_;
  std::size_t searched_ = 0;  ///< of input_, without a newline
  std::string output_;
  bool writing_ = false;
  std::vector<Fd> received_;  ///< their listen line has not been read yet
  std::uint64_t last_id_ = 0;
  std::deque<Pending> pending_;
};

}  // namespace prefork
