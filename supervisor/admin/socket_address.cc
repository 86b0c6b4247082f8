#include "supervisor/admin/socket_address.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/un.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <cstring>
#include <optional>
#include <string_view>

namespace prefork {
namespace {

struct Place {
  sockaddr_storage address{};
  socklen_t size = 0;
};

std::optional<Place> unix_place(std::string_view path) {
  Place place;
  auto& address = reinterpret_cast<sockaddr_un&>(place.address);
  if (path.empty() || path.size() >= sizeof(address.sun_path)) return std::nullopt;
  address.sun_family = AF_UNIX;
  std::copy(path.begin(), path.end(), address.sun_path);
  place.size = static_cast<socklen_t>(sizeof(sa_family_t) + path.size() + 1);
  return place;
}

std::optional<Place> internet_place(std::string_view text) {
  const std::size_t colon = text.rfind(':');
  if (colon == std::string_view::npos) return std::nullopt;
  std::uint16_t port = 0;
  const auto [end, error] = std::from_chars(text.data() + colon + 1, text.data() + text.size(), port);
  if (error != std::errc() || end != text.data() + text.size()) return std::nullopt;
  std::string host(text.substr(0, colon));
  if (host.empty()) host = "0.0.0.0";
  Place place;
  auto& four = reinterpret_cast<sockaddr_in&>(place.address);
  auto& six = reinterpret_cast<sockaddr_in6&>(place.address);
  if (host.size() > 2 && host.front() == '[' && host.back() == ']') {
    if (inet_pton(AF_INET6, host.substr(1, host.size() - 2).c_str(), &six.sin6_addr) != 1)
      return std::nullopt;
    six.sin6_family = AF_INET6;
    six.sin6_port = htons(port);
    place.size = sizeof(six);
    return place;
  }
  if (inet_pton(AF_INET, host.c_str(), &four.sin_addr) != 1) return std::nullopt;
  four.sin_family = AF_INET;
  four.sin_port = htons(port);
  place.size = sizeof(four);
  return place;
}

}  // namespace

std::string address_text(const sockaddr_storage& address, socklen_t /*size*/) {
  std::array<char, INET6_ADDRSTRLEN> text{};
  if (address.ss_family == AF_INET) {
    const auto& four = reinterpret_cast<const sockaddr_in&>(address);
    inet_ntop(AF_INET, &four.sin_addr, text.data(), text.size());
    return std::string(text.data()) + ':' + std::to_string(ntohs(four.sin_port));
  }
  if (address.ss_family == AF_INET6) {
    const auto& six = reinterpret_cast<const sockaddr_in6&>(address);
    inet_ntop(AF_INET6, &six.sin6_addr, text.data(), text.size());
    return '[' + std::string(text.data()) + "]:" + std::to_string(ntohs(six.sin6_port));
  }
  return "unix";
}

Result<Fd> listen_at(const std::string& address) {
  constexpr std::string_view kUnix = "unix:";
  const auto place = address.starts_with(kUnix) ? unix_place(std::string_view(address).substr(kUnix.size()))
                                                : internet_place(address);
  if (!place) return Error{"listen " + address + ": not an address: IP:PORT, :PORT or unix:/path"};
  Fd socket(::socket(place->address.ss_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
  if (!socket.valid()) return system_error("listen " + address);
  const int on = 1;
  (void)setsockopt(socket.get(), SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));  // the bind says what is wrong
  if (bind(socket.get(), reinterpret_cast<const sockaddr*>(&place->address), place->size) != 0 ||
      listen(socket.get(), SOMAXCONN) != 0) {
    return system_error("listen " + address);
  }
  return socket;
}

std::string bound_address(int socket) {
  sockaddr_storage address{};
  socklen_t size = sizeof(address);
  if (getsockname(socket, reinterpret_cast<sockaddr*>(&address), &size) != 0) return "?";
  if (address.ss_family == AF_UNIX)
    return std::string("unix:") + reinterpret_cast<const sockaddr_un&>(address).sun_path;
  return address_text(address, size);
}

Result<Fd> connect_to(const std::string& path) {
  const auto place = unix_place(path);
  if (!place) return Error{"connect to " + path + ": the path is empty or too long"};
  Fd socket(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
  if (!socket.valid()) return system_error("connect to " + path);
  if (connect(socket.get(), reinterpret_cast<const sockaddr*>(&place->address), place->size) != 0)
    return system_error("connect to " + path);
  return socket;
}

}  // namespace prefork
