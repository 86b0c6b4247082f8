// Addresses of sockets: reading and writing them as text, and whether what a program binds is one of the
// pool's addresses. Pure: asks the system nothing.
#pragma once

#include <netinet/in.h>
#include <sys/socket.h>
#include <sys/un.h>

#include <cstddef>

namespace prefork::accept {

struct Address {
  union {
    sockaddr_un local;  ///< the longest; all zeros at the beginning
    sockaddr any;
    sockaddr_in v4;
    sockaddr_in6 v6;
  };
  socklen_t length = 0;

  constexpr Address() : local{} {}
  Address(const sockaddr* given, socklen_t size);
  [[nodiscard]] int family() const { return any.sa_family; }
};

/// How well a bound address covers one of the pool's; the best match counts.
enum class Match { kNone, kOtherFamily, kWildcard, kSame };

/// Reads `127.0.0.1:8080`, `[::]:8080`, `unix:/path` or `unix:@abstract`, of which bytes may be written as
/// %XX.
[[nodiscard]] bool read_address(const char* text, std::size_t length, Address& out);
/// Writes it as text that people read; cut at `size`, which counts the ending zero. Returns the length.
std::size_t write_address(const Address& address, char* out, std::size_t size);
/// `v6_only`: the option IPV6_V6ONLY of the program's socket.
[[nodiscard]] Match match(const Address& bound, bool v6_only, const Address& pool);
/// The same address as a socket of that family reports it. What has no equivalent becomes the loopback
/// address (a unix socket's) or the wildcard address.
void as_family(Address& address, int family);
/// Gives it to a program as accept() and getsockname() do: cut, with its whole length.
void give(const Address& address, sockaddr* to, socklen_t* length);

}  // namespace prefork::accept
