#include "supervisor/listen/bound_address.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <sys/un.h>

#include <array>
#include <cstddef>
#include <string_view>

namespace prefork {
namespace {

std::string percent_encoded(std::string_view name) {
  constexpr std::string_view kDigits = "0123456789ABCDEF";
  std::string text;
  for (const char each : name) {
    const auto byte = static_cast<unsigned char>(each);
    if (byte > ' ' && byte < 0x7f && each != '%' && each != ',') {
      text += each;
    } else {
      text += '%';
      text += kDigits[byte >> 4U];
      text += kDigits[byte & 15U];
    }
  }
  return text;
}

std::string unix_text(const sockaddr_un& name, socklen_t size) {
  const std::size_t length = size - offsetof(sockaddr_un, sun_path);
  std::string_view path(name.sun_path, length);
  if (path.starts_with('\0')) return "unix:@" + percent_encoded(path.substr(1));
  path = path.substr(0, path.find('\0'));
  return "unix:" + percent_encoded(path);
}

BoundAddress tcp_address(int family, const void* address, in_port_t port) {
  std::array<char, INET6_ADDRSTRLEN> host{};
  if (::inet_ntop(family, address, host.data(), host.size()) == nullptr) return {};
  BoundAddress bound{"", host.data(), ntohs(port)};
  bound.text = family == AF_INET6 ? '[' + bound.host + ']' : bound.host;
  bound.text += ':' + std::to_string(bound.port);
  return bound;
}

}  // namespace

BoundAddress bound_address(int socket) {
  sockaddr_storage storage{};
  socklen_t size = sizeof(storage);
  if (::getsockname(socket, reinterpret_cast<sockaddr*>(&storage), &size) < 0) return {};
  if (storage.ss_family == AF_INET) {
    const auto& four = reinterpret_cast<const sockaddr_in&>(storage);
    return tcp_address(AF_INET, &four.sin_addr, four.sin_port);
  }
  if (storage.ss_family == AF_INET6) {
    const auto& six = reinterpret_cast<const sockaddr_in6&>(storage);
    return tcp_address(AF_INET6, &six.sin6_addr, six.sin6_port);
  }
  if (storage.ss_family != AF_UNIX || size <= offsetof(sockaddr_un, sun_path)) return {};
  return {unix_text(reinterpret_cast<const sockaddr_un&>(storage), size), "", 0};
}

}  // namespace prefork
