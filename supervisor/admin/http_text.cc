#include "supervisor/admin/http_text.h"

#include <boost/beast/http/status.hpp>

namespace prefork {
namespace {

std::string start_of(unsigned status, const std::string& type) {
  std::string text = "HTTP/1.1 " + std::to_string(status) + ' ';
  const boost::beast::string_view reason =
      boost::beast::http::obsolete_reason(boost::beast::http::int_to_status(status));
  text.append(reason.data(), reason.size());
  text += "\r\nServer: supervisor\r\nX-Content-Type-Options: nosniff\r\nContent-Type: " + type + "\r\n";
  return text;
}

}  // namespace

std::string head_text(const Response& response, bool keep_alive) {
  std::string text = start_of(response.status, response.type);
  for (const auto& [name, value] : response.headers) text += name + ": " + value + "\r\n";
  if (response.status != 304) text += "Content-Length: " + std::to_string(response.body->size()) + "\r\n";
  text += keep_alive ? "Connection: keep-alive\r\n\r\n" : "Connection: close\r\n\r\n";
  return text;
}

std::string stream_head_text() {
  return start_of(200, "text/event-stream") + "Cache-Control: no-store\r\nConnection: close\r\n\r\n";
}

}  // namespace prefork
