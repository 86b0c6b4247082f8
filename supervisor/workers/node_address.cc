#include "supervisor/workers/node_address.h"

#include <algorithm>
#include <charconv>
#include <cstdint>

#include "worker/accept/address.h"

namespace prefork {
namespace {

/// Of the flags in a question: UV_TCP_IPV6ONLY.
constexpr std::int64_t kV6Only = 1;

/// In an address that is text, % begins a byte that is written as a number.
std::string with_percents(std::string_view path) {
  std::string text;
  for (const char each : path) {
    text += each;
    if (each == '%') text += "25";
  }
  return text;
}

std::string to_text(const NodeMessage& message) {
  constexpr std::int64_t kUnix = -1;
  if (message.descriptor && *message.descriptor >= 0) return "";  // a socket of its own
  const std::int64_t type = message.address_type.value_or(0);
  if (type == kUnix) return message.address.starts_with('/') ? "unix:" + with_percents(message.address) : "";
  const std::int64_t port = message.port.value_or(0);
  if ((type != 4 && type != 6) || port <= 0 || port > UINT16_MAX) return "";
  std::string host = message.address;
  // Without a host Node listens at all addresses of both families, and calls that 4.
  if (host.empty()) host = "::";
  const bool v6 = host.find(':') != std::string::npos;
  return (v6 ? '[' + host + ']' : host) + ':' + std::to_string(port);
}

/// As a member of the answer, for server.address().
std::string sockname_of(std::string_view address) {
  if (address.starts_with("unix:")) return "";
  const std::size_t colon = address.rfind(':');
  std::string_view host = address.substr(0, colon);
  const bool v6 = host.starts_with('[');
  if (v6) host = host.substr(1, host.size() - 2);
  std::string text = R"(,"sockname":{"address":")";
  text += host;
  text += v6 ? R"(","family":"IPv6","port":)" : R"(","family":"IPv4","port":)";
  text += address.substr(colon + 1);
  return text + '}';
}

}  // namespace

NodeAddress::NodeAddress(const NodeMessage& message)
    : text_(to_text(message)), v6_only_((message.flags.value_or(0) & kV6Only) != 0) {}

std::optional<NodeAddress::Target> NodeAddress::find_in(std::string_view list) const {
  accept::Address wanted;
  if (text_.empty() || !accept::read_address(text_.data(), text_.size(), wanted)) return std::nullopt;
  auto best = accept::Match::kNone;
  std::optional<Target> found;
  while (!list.empty()) {
    const std::string_view item = list.substr(0, list.find(','));
    list.remove_prefix(std::min(item.size() + 1, list.size()));
    const std::size_t equals = std::min(item.find('='), item.size() - 1);
    const std::string_view text = item.substr(equals + 1);
    accept::Address pool;
    if (text.empty() || !accept::read_address(text.data(), text.size(), pool)) continue;
    const auto fit = accept::match(wanted, v6_only_, pool);
    if (fit <= best) continue;
    best = fit;
    found.emplace();
    (void)std::from_chars(item.data(), item.data() + equals, found->listener);
    found->sockname = sockname_of(text);
  }
  return found;
}

}  // namespace prefork
