#include "config/listen_address.h"

#include <arpa/inet.h>
#include <netdb.h>
#include <sys/un.h>

#include <algorithm>
#include <cstddef>
#include <optional>

#include "proto/digits.h"

namespace prefork {
namespace {

constexpr std::size_t kMaxUnixName =
    sizeof(sockaddr_un::sun_path) - 1;  // 107: a NUL ends a path or begins an abstract name

/// The usual spelling of a numeric IPv6 address, with its scope if it has one; "" when `host` is not such an
/// address.
std::string canonical_v6(const std::string& host) {
  addrinfo hints = {};
  hints.ai_family = AF_INET6;
  hints.ai_flags = AI_NUMERICHOST;
  hints.ai_socktype = SOCK_STREAM;
  addrinfo* found = nullptr;
  if (::getaddrinfo(host.c_str(), nullptr, &hints, &found) != 0) return "";
  char text[NI_MAXHOST] = "";
  const int failed =
      ::getnameinfo(found->ai_addr, found->ai_addrlen, text, sizeof text, nullptr, 0, NI_NUMERICHOST);
  ::freeaddrinfo(found);
  return failed == 0 ? text : "";
}

bool is_v4(const std::string& host) {
  in_addr address = {};
  return ::inet_pton(AF_INET, host.c_str(), &address) == 1;
}

Result<std::string> parse_name(std::string_view text) {
  std::string host(text);
  const bool only_digits_and_dots = host.find_first_not_of("0123456789.") == std::string::npos;
  if (only_digits_and_dots && !host.empty() && !is_v4(host))
    return Error{"the host is not an IPv4 address such as 127.0.0.1"};
  if (host == "*") return Error{"all addresses are written \":port\""};
  for (char& c : host) {
    if (c >= 'A' && c <= 'Z') c = static_cast<char>(c - 'A' + 'a');
    const bool fine = (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-' || c == '.' || c == '_';
    if (!fine)
      return Error{
          "the host is neither an address nor a name; a name has letters, digits, \"-\", \".\" and \"_\""};
  }
  return host;
}

/// "http://127.0.0.1:8080/" without what does not belong to an address.
std::string without_scheme(std::string_view text) {
  text.remove_prefix(text.find("://") + 3);
  return std::string(text.substr(0, text.find('/')));
}

bool looks_like_v6(std::string_view text) {
  return text.find_first_not_of("0123456789abcdefABCDEF:.%") == std::string_view::npos;
}

Result<ListenAddress> parse_unix(std::string_view text) {
  ListenAddress address;
  if (text.starts_with('@')) {
    address.kind = ListenAddress::Kind::kUnixAbstract;
    address.path = text.substr(1);
    if (address.path.empty()) return Error{"the name after \"unix:@\" is missing"};
  } else {
    address.kind = ListenAddress::Kind::kUnixPath;
    address.path = text;
    if (!text.starts_with('/'))
      return Error{"the path of a socket must follow \"unix:\" (or \"@\" and a name)"};
    if (text.ends_with('/')) return Error{"the path of a socket cannot end in \"/\""};
  }
  if (address.path.size() > kMaxUnixName) {
    return Error{"the path is " + std::to_string(address.path.size()) +
                 " bytes long; the path of a unix socket may have at most " + std::to_string(kMaxUnixName)};
  }
  return address;
}

Result<ListenAddress> parse_systemd(std::string_view name) {
  const auto fine = [](char c) { return c > ' ' && c < 0x7f && c != ':'; };
  if (name.empty() || name.size() > 255 || !std::all_of(name.begin(), name.end(), fine))
    return Error{"the FileDescriptorName= of a .socket unit must follow \"systemd:\""};
  ListenAddress address;
  address.kind = ListenAddress::Kind::kSystemd;
  address.path = name;
  return address;
}

Result<ListenAddress> parse_bracketed(std::string_view text) {
  const std::size_t bracket = text.find(']');
  if (bracket == std::string_view::npos) return Error{"the \"]\" is missing"};
  ListenAddress address;
  address.host = canonical_v6(std::string(text.substr(1, bracket - 1)));
  if (address.host.empty()) return Error{"the text in brackets is not an IPv6 address such as ::1"};
  // An IPv4 address written as IPv6. A socket that takes IPv6 only cannot be bound there.
  constexpr std::string_view kMapped = "::ffff:";
  if (address.host.starts_with(kMapped) && is_v4(address.host.substr(kMapped.size())))
    address.host.erase(0, kMapped.size());
  const std::string_view rest = text.substr(bracket + 1);
  const auto port = rest.starts_with(':') ? parse_digits<std::uint16_t>(rest.substr(1)) : std::nullopt;
  if (!port) return Error{"\":\" and a port from 0 to 65535 must follow \"]\""};
  address.port = *port;
  return address;
}

/// Whether a socket for `all` also takes connections to `host`. "[::]" takes IPv6 only.
bool includes(const std::string& all, const std::string& host) {
  if (all.empty()) return true;
  if (all == "0.0.0.0") return is_v4(host);
  return all == "::" && !canonical_v6(host).empty();
}

}  // namespace

bool is_numeric_host(const std::string& host) { return is_v4(host) || !canonical_v6(host).empty(); }

Result<ListenAddress> parse_listen_address(std::string_view text) {
  constexpr std::string_view kUnix = "unix:";
  constexpr std::string_view kSystemd = "systemd:";
  if (text.starts_with(kUnix)) return parse_unix(text.substr(kUnix.size()));
  if (text.starts_with(kSystemd)) return parse_systemd(text.substr(kSystemd.size()));
  if (text.starts_with('/')) return Error{"the path of a unix socket is written \"unix:/path\""};
  if (text.starts_with('[')) return parse_bracketed(text);
  if (text.find("://") != std::string_view::npos)
    return Error{"an address has no scheme and no path: \"" + without_scheme(text) + "\""};
  if (parse_digits<std::uint16_t>(text))
    return Error{"a port on all addresses is written \":" + std::string(text) + "\""};
  const std::size_t colon = text.rfind(':');
  if (colon == std::string_view::npos) return Error{"the port is missing: \"host:port\" or \":port\""};
  if (text.find(':') != colon)
    return Error{looks_like_v6(text) ? "an IPv6 address is written in brackets: \"[::1]:8080\""
                                     : "there is more than one \":\": \"host:port\" or \":port\""};
  const auto port = parse_digits<std::uint16_t>(text.substr(colon + 1));
  if (!port) return Error{"the port must be a number from 0 to 65535"};
  auto host = parse_name(text.substr(0, colon));
  if (!host) return host.error();
  ListenAddress address;
  address.host = std::move(host).value();
  address.port = *port;
  return address;
}

bool same_place(const ListenAddress& a, const ListenAddress& b) {
  return a.kind == b.kind && a.host == b.host && a.port == b.port && a.path == b.path;
}

bool overlap(const ListenAddress& a, const ListenAddress& b) {
  const bool tcp = a.kind == ListenAddress::Kind::kTcp && b.kind == ListenAddress::Kind::kTcp;
  if (!tcp || a.port != b.port || a.port == 0 || (a.reuse_port && b.reuse_port)) return false;
  return includes(a.host, b.host) || includes(b.host, a.host);
}

std::vector<ListenAddress> one_per_socket(const ListenAddress& address) {
  if (address.answers.hosts.size() < 2) return {address};
  std::vector<ListenAddress> sockets(address.answers.hosts.size(), address);
  for (std::size_t i = 0; i < sockets.size(); ++i) sockets[i].answers.hosts = {address.answers.hosts[i]};
  return sockets;
}

const std::string& numeric_host(const ListenAddress& socket) {
  return socket.answers.hosts.empty() ? socket.host : socket.answers.hosts.front();
}

bool same_socket(const ListenAddress& a, const ListenAddress& b) {
  return a.kind == b.kind && numeric_host(a) == numeric_host(b) && a.port == b.port && a.path == b.path;
}

std::string ListenAddress::text() const {
  switch (kind) {
    case Kind::kUnixPath: return "unix:" + path;
    case Kind::kUnixAbstract: return "unix:@" + path;
    case Kind::kSystemd: return "systemd:" + path;
    case Kind::kTcp: break;
  }
  const bool brackets = host.find(':') != std::string::npos;
  return (brackets ? '[' + host + ']' : host) + ':' + std::to_string(port);
}

}  // namespace prefork
