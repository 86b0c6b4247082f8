// The supervisor's side for a real worker program: its channel, its connections, its end.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "proto/channel.h"
#include "proto/record.h"
#include "tests/worker/process.h"

namespace prefork::test {

/// A connected TCP socket, the client's side of a conversation.
class Client {
 public:
  explicit Client(Fd socket) : socket_(std::move(socket)) {}

  void send(const std::string& text);
  void shut_down() const;
  void close() { socket_.reset(); }
  /// Whether nothing has come and nothing has ended up to now.
  [[nodiscard]] bool silent() const;
  /// Until the text is seen, or the connection ends.
  [[nodiscard]] std::string receive_until(const std::string& ending) {
    return read_until(socket_.get(), ending);
  }
  [[nodiscard]] std::string receive_to_end() { return read_to_end(socket_.get()); }

 private:
  Fd socket_;
};

/// A client and the supervisor's socket of the same TCP connection over the loopback interface.
[[nodiscard]] std::pair<Client, Fd> make_connection();

/// A client that has connected to `HOST:PORT` in numbers; nothing when that is refused.
[[nodiscard]] std::optional<Client> connect_to(const std::string& address);

/// One datagram of the channel, decoded. Fails the test when none comes before the deadline.
struct Arrived {
  explicit Arrived(Channel& channel);
  ReceiveStatus status;
  std::vector<Record> records;
  std::string text;             ///< of a Note, or the memo of a Park
  std::optional<pid_t> sender;  ///< on a channel with identify_sender()
};

/// The one record of the next datagram.
[[nodiscard]] Record await_record(Channel& channel);
/// Whether the next thing on the channel is its end.
[[nodiscard]] bool await_end(Channel& channel);

/// The supervisor's side of a worker's channel: sends connections and keeps its copies of their sockets.
class Host {
 public:
  explicit Host(Channel channel) : channel_(std::move(channel)) {}

  [[nodiscard]] Channel& channel() { return channel_; }
  /// Sends a new connection with this ticket, and returns its client. The supervisor's copy stays open.
  Client dispatch(std::uint64_t ticket, std::uint16_t flags = 0, const std::string& memo = {});
  /// Sends the connection dispatched last once more: it has been parked.
  void dispatch_again(std::uint64_t ticket, std::uint16_t flags, const std::string& memo = {});
  void say(RecordKind kind);
  [[nodiscard]] Record await() { return await_record(channel_); }
  /// Closes the copy of the connection dispatched last.
  void drop_copy() { copies_.pop_back(); }
  [[nodiscard]] const Fd& copy() const { return copies_.back(); }

 private:
  Channel channel_;
  std::vector<Fd> copies_;
};

/// A worker program with its channel at descriptor 3.
class HostedWorker : public Host {
 public:
  explicit HostedWorker(const std::vector<std::string>& command, std::vector<std::string> environment = {});
  [[nodiscard]] Process& process() { return *process_; }

 private:
  std::optional<Process> process_;
};

/// The program under test.
[[nodiscard]] std::string supervisor_worker();

}  // namespace prefork::test
