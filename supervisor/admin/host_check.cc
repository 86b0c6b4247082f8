#include "supervisor/admin/host_check.h"

#include <arpa/inet.h>

#include <algorithm>
#include <utility>

namespace prefork {
namespace {

std::string lower(std::string_view text) {
  std::string lowered(text);
  for (char& letter : lowered) {
    if (letter >= 'A' && letter <= 'Z') letter = static_cast<char>(letter - 'A' + 'a');
  }
  return lowered;
}

/// Without a port. Nothing: what follows the name is not a port.
std::optional<std::string_view> name_of(std::string_view host) {
  const std::size_t bracket = host.find(']');
  const std::size_t colon = host.find(':', bracket == std::string_view::npos ? 0 : bracket);
  if (colon == std::string_view::npos) return host;
  const std::string_view port = host.substr(colon + 1);
  const bool digits = std::all_of(port.begin(), port.end(), [](char c) { return c >= '0' && c <= '9'; });
  return digits && port.size() <= 5 ? std::optional(host.substr(0, colon)) : std::nullopt;
}

bool is_address(const std::string& name) {
  in6_addr parsed{};
  if (name.size() > 2 && name.front() == '[' && name.back() == ']')
    return inet_pton(AF_INET6, name.substr(1, name.size() - 2).c_str(), &parsed) == 1;
  return inet_pton(AF_INET, name.c_str(), &parsed) == 1;
}

/// In one form: lower case, without the port that the scheme implies.
std::string authority(std::string_view host, std::string_view usual_port) {
  std::string written = lower(host);
  if (written.ends_with(usual_port)) written.resize(written.size() - usual_port.size());
  return written;
}

}  // namespace

bool host_allowed(std::string_view host, const std::vector<std::string>& names) {
  const auto bare = name_of(host);
  if (!bare) return false;
  std::string name = lower(*bare);
  if (name.find('\0') != std::string::npos) return false;
  if (is_address(name)) return true;
  if (name.ends_with('.')) name.pop_back();
  return name == "localhost" || std::any_of(names.begin(), names.end(), [&](const std::string& allowed) {
           return !name.empty() && lower(allowed) == name;
         });
}

bool same_origin(std::string_view origin, std::string_view host) {
  for (const auto& [scheme, port] : {std::pair<std::string_view, std::string_view>{"http://", ":80"},
                                     std::pair<std::string_view, std::string_view>{"https://", ":443"}}) {
    if (origin.starts_with(scheme))
      return authority(origin.substr(scheme.size()), port) == authority(host, port) && !host.empty();
  }
  return false;
}

std::optional<std::string> bearer_token(std::string_view authorization) {
  const std::size_t space = authorization.find(' ');
  if (space == std::string_view::npos || lower(authorization.substr(0, space)) != "bearer")
    return std::nullopt;
  const std::size_t begin = authorization.find_first_not_of(' ', space);
  if (begin == std::string_view::npos) return std::nullopt;
  const std::string_view token = authorization.substr(begin);
  return std::string(token.substr(0, token.find_last_not_of(' ') + 1));
}

}  // namespace prefork
