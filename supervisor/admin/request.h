// An HTTP request and its answer, as plain values: what decides about requests knows no HTTP library.
#pragma once

#include <cstddef>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

namespace prefork {

struct Request {
  std::string method;
  std::string target;  ///< as sent: the path and the query
  std::optional<std::string> host, origin, authorization, last_event_id, if_none_match;
  std::string accept;  ///< empty: not sent
  std::string body;
  std::string client;  ///< the address of the client, or "unix"
};

/// Large answers go to several clients: they share the text.
using SharedText = std::shared_ptr<const std::string>;

struct Response {
  unsigned status = 200;
  std::string type = "text/plain; charset=utf-8";
  SharedText body;
  std::vector<std::pair<std::string, std::string>> headers = {};
};

[[nodiscard]] inline SharedText shared_text(std::string text) {
  return std::make_shared<const std::string>(std::move(text));
}

/// One sentence for a person.
[[nodiscard]] inline Response text_response(unsigned status, std::string sentence) {
  return {status, "text/plain; charset=utf-8", shared_text(std::move(sentence) + "\n")};
}
[[nodiscard]] inline Response json_response(SharedText body) {
  return {200, "application/json", std::move(body), {{"Cache-Control", "no-store"}}};
}

}  // namespace prefork
