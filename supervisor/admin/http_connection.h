// One client of the HTTP server: reads requests one after the other, and writes their answers. A request
// has 10 s to come, a client may be quiet for 60 s, an answer must be taken within 10 s of no progress.
#pragma once

#include <boost/beast/core/flat_buffer.hpp>
#include <boost/beast/http/parser.hpp>
#include <boost/beast/http/string_body.hpp>
#include <deque>
#include <functional>
#include <memory>
#include <optional>
#include <string>

#include "supervisor/admin/asio.h"
#include "supervisor/admin/connection_table.h"
#include "supervisor/admin/request.h"

namespace prefork {

class HttpConnection;

/// What answers requests.
class HttpService {
 public:
  using Answer = std::function<void(Response)>;
  virtual ~HttpService() = default;
  /// Calls `answer` once, now or later, or makes the connection a stream.
  virtual void serve(const Request& request, const std::shared_ptr<HttpConnection>& connection,
                     Answer answer) = 0;
};

class HttpConnection final : public AdminConnection {
 public:
  HttpConnection(Stream socket, std::string client, ConnectionTable& table, HttpService& service);

  void start();
  [[nodiscard]] bool idle() const override { return idle_; }
  void close() override;
  /// The client's address and port.
  [[nodiscard]] const std::string& client() const { return client_; }

  /// From now on the connection is a stream of texts, and takes no further request.
  void begin_stream();
  /// The connection is closed when more than kMaxUnsent bytes wait.
  void stream(const SharedText& text);
  [[nodiscard]] bool is_open() const { return socket_.is_open(); }
  /// The kernel has not taken everything yet.
  [[nodiscard]] bool has_unsent() const { return !unsent_.empty(); }

 private:
  using Parser = boost::beast::http::request_parser<boost::beast::http::string_body>;

  void wait_for_request();
  void read_request();
  void request_read(boost::system::error_code error);
  void refuse(boost::system::error_code error);
  void respond(Response response);
  /// Of unsigned numbers: `0 - size` takes away.
  void count_unsent(std::size_t more);
  void queue(SharedText text);
  void write();
  void written(boost::system::error_code error, std::size_t size);
  void answered();
  void read_to_end();
  void set_deadline(std::chrono::seconds limit);
  void clear_deadline();
  [[nodiscard]] std::shared_ptr<HttpConnection> self();

  Stream socket_;
  Timer timer_;
  std::string client_;
  ConnectionTable& table_;
  HttpService& service_;
  boost::beast::flat_buffer buffer_;
  std::optional<Parser> parser_;
  bool idle_ = true;
  bool head_only_ = false;
  bool keep_alive_ = false;
  bool streaming_ = false;
  bool writing_ = false;
  std::size_t discarded_ = 0;
  std::deque<SharedText> unsent_;  ///< what is being written first
  std::size_t offset_ = 0;         ///< what was sent of the first
  std::size_t unsent_bytes_ = 0;
};

}  // namespace prefork
