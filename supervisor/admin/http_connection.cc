#include "supervisor/admin/http_connection.h"

#include <algorithm>
#include <boost/asio/write.hpp>
#include <boost/beast/http/error.hpp>
#include <boost/beast/http/read.hpp>
#include <string_view>
#include <utility>

#include "supervisor/admin/http_text.h"

namespace prefork {
namespace {

namespace http = boost::beast::http;

constexpr std::chrono::seconds kRequestTime{10};
constexpr std::chrono::seconds kIdleTime{60};
constexpr std::chrono::seconds kSendTime{10};
constexpr std::chrono::seconds kEndTime{2};
constexpr std::uint32_t kMaxHeader = 8192;
constexpr std::uint64_t kMaxBody = 4096;
constexpr std::size_t kMaxRead = 16384;
constexpr std::size_t kMaxUnsent = std::size_t{1} << 20;
/// An answer with thousands of workers has a few MiB.
constexpr std::size_t kMaxUnsentOfAll = std::size_t{64} << 20;
constexpr std::size_t kMaxDiscarded = std::size_t{1} << 20;

std::optional<std::string> field(const http::request<http::string_body>& message, http::field name) {
  const auto found = message.find(name);
  if (found == message.end()) return std::nullopt;
  return std::string(found->value());
}

/// "GET http://HOST/PATH" means HOST, whatever the header says (RFC 9112, 3.2.2).
void take_absolute_form(Request& request) {
  constexpr std::string_view kScheme = "http://";
  if (!request.target.starts_with(kScheme)) return;
  const std::size_t path =
      std::min(request.target.find_first_of("/?", kScheme.size()), request.target.size());
  request.host = request.target.substr(kScheme.size(), path - kScheme.size());
  request.target = request.target.substr(path);
  if (!request.target.starts_with('/')) request.target.insert(0, 1, '/');
}

Request plain(const http::request<http::string_body>& message, std::string client) {
  Request request;
  request.method = std::string(message.method_string());
  request.target = std::string(message.target());
  if (message.count(http::field::host) == 1) request.host = field(message, http::field::host);
  request.origin = field(message, http::field::origin);
  request.authorization = field(message, http::field::authorization);
  request.if_none_match = field(message, http::field::if_none_match);
  if (const auto id = message.find("Last-Event-ID"); id != message.end())
    request.last_event_id = std::string(id->value());
  for (auto [one, end] = message.equal_range(http::field::accept); one != end; ++one)
    request.accept += (request.accept.empty() ? "" : ",") + std::string(one->value());
  request.body = message.body();
  request.client = std::move(client);
  take_absolute_form(request);
  return request;
}

}  // namespace

HttpConnection::HttpConnection(Stream socket, std::string client, ConnectionTable& table,
                               HttpService& service)
    : socket_(std::move(socket)),
      timer_(socket_.get_executor()),
      client_(std::move(client)),
      table_(table),
      service_(service),
      buffer_(kMaxRead) {}

std::shared_ptr<HttpConnection> HttpConnection::self() {
  return std::static_pointer_cast<HttpConnection>(shared_from_this());
}

void HttpConnection::start() { wait_for_request(); }

void HttpConnection::close() {
  boost::system::error_code ignored;
  socket_.close(ignored);
  timer_.cancel();
  count_unsent(0 - unsent_bytes_);
  table_.remove(*this);
}

void HttpConnection::set_deadline(std::chrono::seconds limit) {
  timer_.expires_after(limit);
  timer_.async_wait([me = self()](boost::system::error_code error) {
    // The time may have been changed after this call was queued.
    if (!error && me->timer_.expiry() <= AdminClock::now()) me->close();
  });
}

void HttpConnection::clear_deadline() { timer_.expires_at(AdminClock::time_point::max()); }

void HttpConnection::wait_for_request() {
  if (!is_open()) return;
  idle_ = true;
  if (buffer_.size() > 0) return read_request();  // the client has not waited for the answer
  set_deadline(kIdleTime);
  socket_.async_wait(Stream::wait_read, [me = self()](boost::system::error_code error) {
    if (!error) me->read_request();
  });
}

void HttpConnection::read_request() {
  table_.touch(*this);
  set_deadline(kRequestTime);
  parser_.emplace();
  parser_->header_limit(kMaxHeader);
  parser_->body_limit(kMaxBody);
  http::async_read(socket_, buffer_, *parser_,
                   [me = self()](boost::system::error_code error, std::size_t) { me->request_read(error); });
}

void HttpConnection::request_read(boost::system::error_code error) {
  if (!is_open()) return;
  idle_ = false;
  if (error) return refuse(error);
  clear_deadline();
  const auto& message = parser_->get();
  keep_alive_ = message.keep_alive();
  head_only_ = message.method() == http::verb::head;
  if (message.version() == 11 && message.count(http::field::host) != 1) {
    keep_alive_ = false;
    return respond(text_response(400, "the request needs one header Host"));
  }
  const Request request = plain(message, client_);
  parser_.reset();
  service_.serve(request, self(), [me = self()](Response response) { me->respond(std::move(response)); });
}

void HttpConnection::refuse(boost::system::error_code error) {
  keep_alive_ = false;
  if (error == http::error::body_limit) return respond(text_response(413, "the body is longer than 4 KiB"));
  if (error == http::error::header_limit || error == http::error::buffer_overflow)
    return respond(text_response(431, "the header is longer than 8 KiB"));
  if (error.category() != http::make_error_code(http::error::bad_method).category() ||
      error == http::error::end_of_stream || error == http::error::partial_message) {
    return close();
  }
  respond(text_response(400, "the request is not HTTP/1.1"));
}

void HttpConnection::respond(Response response) {
  if (!is_open()) return;
  if (table_.unsent + response.body->size() > kMaxUnsentOfAll) {
    keep_alive_ = false;
    response = text_response(503, "too much waits for clients that do not read");
  }
  queue(shared_text(head_text(response, keep_alive_)));
  if (!head_only_ && !response.body->empty()) queue(std::move(response.body));
  write();
}

void HttpConnection::begin_stream() {
  streaming_ = true;
  keep_alive_ = false;
  stream(shared_text(stream_head_text()));
  read_to_end();
}

void HttpConnection::stream(const SharedText& text) {
  if (!is_open()) return;
  queue(text);
  if (unsent_bytes_ > kMaxUnsent && unsent_.size() > 1) return close();
  if (!writing_) write();
}

void HttpConnection::count_unsent(std::size_t more) {
  unsent_bytes_ += more;
  if (!streaming_) table_.unsent += more;  // all streams share their texts
}

void HttpConnection::queue(SharedText text) {
  count_unsent(text->size());
  unsent_.push_back(std::move(text));
}

void HttpConnection::write() {
  writing_ = true;
  set_deadline(streaming_ ? kIdleTime : kSendTime);
  const asio::const_buffer rest = asio::buffer(*unsent_.front()) + offset_;
  socket_.async_write_some(
      rest, [me = self()](boost::system::error_code error, std::size_t size) { me->written(error, size); });
}

void HttpConnection::written(boost::system::error_code error, std::size_t size) {
  if (!is_open()) return;
  if (error) return close();
  table_.touch(*this);
  offset_ += size;
  if (offset_ == unsent_.front()->size()) {
    count_unsent(0 - unsent_.front()->size());
    unsent_.pop_front();
    offset_ = 0;
  }
  if (!unsent_.empty()) return write();
  writing_ = false;
  clear_deadline();
  if (!streaming_) answered();
}

void HttpConnection::answered() {
  if (keep_alive_) return wait_for_request();
  // What is unread when a socket is closed makes the kernel reset the connection, and the client may lose the
  // answer.
  boost::system::error_code ignored;
  socket_.shutdown(Stream::shutdown_send, ignored);
  idle_ = true;
  set_deadline(kEndTime);
  read_to_end();
}

void HttpConnection::read_to_end() {
  buffer_.clear();
  socket_.async_read_some(buffer_.prepare(kMaxRead / 2),
                          [me = self()](boost::system::error_code error, std::size_t size) {
                            if (!me->is_open()) return;
                            me->discarded_ += size;
                            if (error || me->discarded_ > kMaxDiscarded || me->streaming_) return me->close();
                            me->read_to_end();
                          });
}

}  // namespace prefork
