#include "worker/program/http.h"

#include <unistd.h>

#include <boost/beast/core/flat_static_buffer.hpp>
#include <boost/beast/core/string.hpp>
#include <boost/beast/http.hpp>
#include <optional>
#include <string>
#include <string_view>
#include <thread>

#include "proto/digits.h"
#include "worker/program/socket_stream.h"

namespace prefork::worker {
namespace {

namespace beast = boost::beast;
namespace protocol = boost::beast::http;

using Request = protocol::request<protocol::string_body>;
using Response = protocol::response<protocol::string_body>;
using Parser = protocol::request_parser<protocol::string_body>;
using ErrorCode = SocketStream::ErrorCode;

constexpr std::uint32_t kMaxHeader = 8192;
constexpr std::size_t kBufferSize = 16384;
constexpr std::uint64_t kMaxBody = 65536;
constexpr std::uint32_t kMaxWait = 60000;

std::string_view view(beast::string_view text) { return {text.data(), text.size()}; }

Response page(protocol::status status, unsigned version, std::string body) {
  Response response(status, version);
  response.set(protocol::field::server, "supervisor-worker");
  response.set(protocol::field::content_type, "text/plain; charset=utf-8");
  response.set("X-Pid", std::to_string(::getpid()));
  response.body() = std::move(body);
  return response;
}

/// N of `ms=N` in the query, 0 without one; nothing when N is not allowed.
std::optional<std::chrono::milliseconds> wait_of(std::string_view query) {
  std::uint32_t wait = 0;
  while (!query.empty()) {
    const std::size_t end = query.find('&');
    const std::string_view item = query.substr(0, end);
    query = end == std::string_view::npos ? std::string_view() : query.substr(end + 1);
    if (!item.starts_with("ms=")) continue;
    const auto asked = parse_digits<std::uint32_t>(item.substr(3));
    if (!asked || *asked > kMaxWait) return std::nullopt;
    wait = *asked;
  }
  return std::chrono::milliseconds(wait);
}

Response answer(const Request& request) {
  using protocol::status;
  const unsigned version = request.version();
  if (request.method() != protocol::verb::get && request.method() != protocol::verb::head) {
    Response response = page(status::method_not_allowed, version, "Only GET and HEAD are answered here.\n");
    response.set(protocol::field::allow, "GET, HEAD");
    return response;
  }
  const std::string_view target = view(request.target());
  const std::size_t mark = target.find('?');
  if (target.substr(0, mark) != "/") return page(status::not_found, version, "There is only one page: /\n");
  const auto wait = wait_of(mark == std::string_view::npos ? std::string_view() : target.substr(mark + 1));
  if (!wait) return page(status::bad_request, version, "ms is a number from 0 to 60000.\n");
  std::this_thread::sleep_for(*wait);
  return page(status::ok, version, "Hello from worker " + std::to_string(::getpid()) + ".\n");
}

/// The answer to a request that another server could understand otherwise: what follows it must not be read.
std::optional<Response> refusal(const Request& request) {
  using protocol::status;
  const unsigned version = request.version();
  if (version >= 11 && request.count(protocol::field::host) != 1) {
    return page(status::bad_request, version, "A request of HTTP/1.1 names one Host.\n");
  }
  const auto coding = request.find(protocol::field::transfer_encoding);
  if (coding == request.end()) return {};
  if (version < 11) return page(status::bad_request, version, "Transfer-Encoding is only for HTTP/1.1.\n");
  if (beast::iequals(coding->value(), "chunked")) return {};
  return page(status::not_implemented, version, "Only the transfer coding chunked is known.\n");
}

/// The answer to a request that cannot be read; nothing when the client has closed or was too slow.
std::optional<Response> error_page(ErrorCode error, unsigned version) {
  using protocol::status;
  if (error.category() != protocol::make_error_code(protocol::error::bad_method).category()) return {};
  if (error == protocol::error::end_of_stream || error == protocol::error::partial_message) return {};
  if (error == protocol::error::header_limit || error == protocol::error::buffer_overflow) {
    return page(status::request_header_fields_too_large, version, "The header is limited to 8 KiB.\n");
  }
  if (error == protocol::error::body_limit) {
    return page(status::payload_too_large, version, "The body is limited to 64 KiB.\n");
  }
  return page(status::bad_request, version, "Not a request of HTTP/1.0 or 1.1: " + error.message() + ".\n");
}

enum class After { kGoOn, kClose };

class Conversation {
 public:
  Conversation(int socket, const HttpOptions& options, Host& host)
      : stream_(socket), options_(options), host_(host) {}

  void hold() {
    stream_.expires_after(options_.request_time);
    while (exchange() == After::kGoOn) {
      if (buffer_.size() == 0 && !host_.next_request(options_.keep_alive)) return;
      stream_.expires_after(options_.request_time);
    }
  }

 private:
  After exchange() {
    Parser parser;
    parser.header_limit(kMaxHeader);
    parser.body_limit(kMaxBody);
    ErrorCode error;
    protocol::read_header(stream_, buffer_, parser, error);
    if (!error) {
      if (const std::optional<Response> refused = refusal(parser.get())) return close_with(*refused);
    }
    if (!error && parser.get().count(protocol::field::expect) > 0) {
      return close_with(page(protocol::status::expectation_failed, 11,
                             "Send the body without waiting for 100 Continue.\n"));
    }
    if (!error && !parser.is_done()) protocol::read(stream_, buffer_, parser, error);
    if (error) {
      const std::optional<Response> reply = error_page(error, 11);
      return reply ? close_with(*reply) : After::kClose;
    }
    const Request& request = parser.get();
    Response response = answer(request);
    const bool stay = request.keep_alive() && options_.keep_alive.count() > 0 && !leaving();
    response.keep_alive(stay);
    if (!send(response, request.method() == protocol::verb::head)) return After::kClose;
    if (stay) return After::kGoOn;
    stream_.discard_unread();
    return After::kClose;
  }

  /// Called after the work, which may have taken long.
  bool leaving() { return buffer_.size() > 0 ? host_.leaving_with_more() : host_.leaving(); }

  After close_with(Response response) {
    response.keep_alive(false);
    (void)send(response, false);
    stream_.discard_unread();
    return After::kClose;
  }

  bool send(Response& response, bool header_only) {
    response.prepare_payload();
    protocol::response_serializer<protocol::string_body> serializer(response);
    // The answer has its own time, however long the request and its wait took.
    stream_.expires_after(options_.request_time);
    ErrorCode error;
    if (header_only) {
      protocol::write_header(stream_, serializer, error);
    } else {
      protocol::write(stream_, serializer, error);
    }
    return !error;
  }

  SocketStream stream_;
  const HttpOptions& options_;
  Host& host_;
  beast::flat_static_buffer<kBufferSize> buffer_;
};

}  // namespace

void http(int socket, const HttpOptions& options, Host& host) { Conversation(socket, options, host).hold(); }

}  // namespace prefork::worker
