#include "worker/program/listener.h"

#include <netdb.h>
#include <netinet/in.h>
#include <sys/socket.h>

#include <memory>
#include <utility>

namespace prefork::worker {
namespace {

constexpr int kBacklog = 4096;

bool switch_on(int socket, int option) {
  const int on = 1;
  return ::setsockopt(socket, SOL_SOCKET, option, &on, sizeof(on)) == 0;
}

}  // namespace

Result<Address> parse_address(const std::string& text) {
  const std::size_t colon = text.rfind(':');
  if (colon == std::string::npos || colon + 1 == text.size()) {
    return Error{text + ": not an address; allowed are HOST:PORT, [IPv6]:PORT and :PORT"};
  }
  Address address{.host = text.substr(0, colon), .port = text.substr(colon + 1)};
  if (address.host.size() > 2 && address.host.front() == '[' && address.host.back() == ']') {
    address.host = address.host.substr(1, address.host.size() - 2);
  }
  return address;
}

Result<Fd> open_listener(const Address& address, bool reuse_port) {
  addrinfo hints{};
  hints.ai_family = AF_UNSPEC;
  hints.ai_socktype = SOCK_STREAM;
  hints.ai_flags = AI_PASSIVE;
  addrinfo* found = nullptr;
  const std::string where = "listen " + text_of(address);
  const int failed = ::getaddrinfo(address.host.empty() ? nullptr : address.host.c_str(),
                                   address.port.c_str(), &hints, &found);
  if (failed != 0) return Error{where + ": " + ::gai_strerror(failed)};
  const std::unique_ptr<addrinfo, decltype(&::freeaddrinfo)> owned(found, &::freeaddrinfo);

  Fd listener(::socket(found->ai_family, SOCK_STREAM | SOCK_CLOEXEC, 0));
  if (!listener.valid()) return system_error(where);
  if (!switch_on(listener.get(), SO_REUSEADDR)) return system_error(where);
  if (reuse_port && !switch_on(listener.get(), SO_REUSEPORT)) return system_error(where);
  if (::bind(listener.get(), found->ai_addr, found->ai_addrlen) < 0) return system_error(where);
  if (::listen(listener.get(), kBacklog) < 0) return system_error(where);
  return listener;
}

Result<Address> address_of(const Fd& listener) {
  sockaddr_storage bound{};
  socklen_t size = sizeof(bound);
  if (::getsockname(listener.get(), reinterpret_cast<sockaddr*>(&bound), &size) < 0) {
    return system_error("getsockname");
  }
  char host[NI_MAXHOST];
  char port[NI_MAXSERV];
  const int failed = ::getnameinfo(reinterpret_cast<sockaddr*>(&bound), size, host, sizeof(host), port,
                                   sizeof(port), NI_NUMERICHOST | NI_NUMERICSERV);
  if (failed != 0) return Error{std::string("getnameinfo: ") + ::gai_strerror(failed)};
  return Address{.host = host, .port = port};
}

std::string text_of(const Address& address) {
  const bool brackets = address.host.find(':') != std::string::npos;
  return (brackets ? "[" + address.host + "]" : address.host) + ":" + address.port;
}

}  // namespace prefork::worker
