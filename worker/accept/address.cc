#include "worker/accept/address.h"

#include <arpa/inet.h>

#include <algorithm>
#include <cstdint>
#include <cstring>

namespace prefork::accept {
namespace {

constexpr std::size_t kPathOffset = offsetof(sockaddr_un, sun_path);

int hex_digit(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  if (c >= 'A' && c <= 'F') return c - 'A' + 10;
  return -1;
}

/// The byte at `at`, which may be written as %XX; moves on behind it.
bool read_byte(const char* text, std::size_t length, std::size_t& at, char& out) {
  out = text[at++];
  if (out != '%') return true;
  if (at + 1 >= length) return false;
  const int high = hex_digit(text[at]);
  const int low = hex_digit(text[at + 1]);
  out = static_cast<char>(high * 16 + low);
  at += 2;
  return high >= 0 && low >= 0;
}

bool read_unix(const char* text, std::size_t length, Address& out) {
  char(&path)[sizeof(out.local.sun_path)] = out.local.sun_path;
  const bool abstract = text[0] == '@';
  std::size_t size = 0;
  out.local.sun_family = AF_UNIX;
  for (std::size_t at = 0; at < length;) {
    if (size == sizeof(path) || !read_byte(text, length, at, path[size++])) return false;
  }
  if (abstract) {
    path[0] = 0;
  } else if (size == sizeof(path)) {
    return false;
  } else {
    ++size;  // the ending zero
  }
  out.length = static_cast<socklen_t>(kPathOffset + size);
  return true;
}

bool read_port(const char* text, std::size_t length, in_port_t& out) {
  unsigned port = 0;
  if (length == 0 || length > 5) return false;
  for (std::size_t i = 0; i < length; ++i) {
    if (text[i] < '0' || text[i] > '9') return false;
    port = port * 10 + static_cast<unsigned>(text[i] - '0');
  }
  if (port > 65535) return false;
  out = htons(static_cast<std::uint16_t>(port));
  return true;
}

std::size_t put(char* out, std::size_t size, std::size_t at, const char* text, std::size_t length) {
  for (std::size_t i = 0; i < length && at + 1 < size; ++i) out[at++] = text[i];
  if (size > 0) out[at] = 0;
  return at;
}

std::size_t put_port(char* out, std::size_t size, std::size_t at, in_port_t network) {
  char digits[6];
  std::size_t n = sizeof(digits);
  unsigned port = ntohs(network);
  do {
    digits[--n] = static_cast<char>('0' + port % 10);
    port /= 10;
  } while (port > 0);
  at = put(out, size, at, ":", 1);
  return put(out, size, at, digits + n, sizeof(digits) - n);
}

std::size_t path_size(const Address& address) {
  if (address.length <= kPathOffset) return 0;
  const std::size_t size = address.length - kPathOffset;
  if (address.local.sun_path[0] == 0) return size;
  return strnlen(address.local.sun_path, std::min(size, sizeof(address.local.sun_path)));
}

bool same_path(const Address& a, const Address& b) {
  const std::size_t size = path_size(a);
  return size > 0 && size == path_size(b) && std::memcmp(a.local.sun_path, b.local.sun_path, size) == 0;
}

in_port_t port_of(const Address& address) {
  return address.family() == AF_INET ? address.v4.sin_port : address.v6.sin6_port;
}

bool wildcard(const Address& address) {
  if (address.family() == AF_INET) return address.v4.sin_addr.s_addr == INADDR_ANY;
  return IN6_IS_ADDR_UNSPECIFIED(&address.v6.sin6_addr);
}

bool same_host(const Address& a, const Address& b) {
  if (a.family() == AF_INET) return a.v4.sin_addr.s_addr == b.v4.sin_addr.s_addr;
  return std::memcmp(&a.v6.sin6_addr, &b.v6.sin6_addr, sizeof(in6_addr)) == 0;
}

/// An address that is written as ::ffff:127.0.0.1 (Java's way) is 127.0.0.1.
Address unmapped(const Address& address) {
  Address plain = address;
  if (plain.family() == AF_INET6 && IN6_IS_ADDR_V4MAPPED(&plain.v6.sin6_addr)) as_family(plain, AF_INET);
  return plain;
}

bool internet(const Address& address) { return address.family() == AF_INET || address.family() == AF_INET6; }

Match match_host(const Address& bound, bool v6_only, const Address& pool) {
  if (bound.family() == pool.family()) {
    if (same_host(bound, pool)) return Match::kSame;
    return wildcard(bound) || wildcard(pool) ? Match::kWildcard : Match::kNone;
  }
  // Of two families: [::] takes IPv4, too, unless the program has said otherwise.
  const bool takes_both = bound.family() == AF_INET6 ? wildcard(bound) && !v6_only : wildcard(pool);
  return takes_both ? Match::kOtherFamily : Match::kNone;
}

}  // namespace

Address::Address(const sockaddr* given, socklen_t size) : Address() {
  length = std::min<socklen_t>(size, sizeof(sockaddr_un));
  std::memcpy(&any, given, length);
}

bool read_address(const char* text, std::size_t length, Address& out) {
  out = Address();
  if (length > 5 && std::memcmp(text, "unix:", 5) == 0) return read_unix(text + 5, length - 5, out);
  const char* colon = static_cast<const char*>(memrchr(text, ':', length));
  if (colon == nullptr) return false;
  std::size_t host_size = static_cast<std::size_t>(colon - text);
  in_port_t port = 0;
  if (!read_port(colon + 1, length - host_size - 1, port)) return false;
  char host[INET6_ADDRSTRLEN] = {};
  const bool bracketed = host_size >= 2 && text[0] == '[' && text[host_size - 1] == ']';
  if (bracketed) {
    ++text;
    host_size -= 2;
  }
  if (host_size >= sizeof(host)) return false;
  std::memcpy(host, text, host_size);
  if (bracketed) {
    out.v6.sin6_family = AF_INET6;
    out.v6.sin6_port = port;
    out.length = sizeof(sockaddr_in6);
    return inet_pton(AF_INET6, host, &out.v6.sin6_addr) == 1;
  }
  out.v4.sin_family = AF_INET;
  out.v4.sin_port = port;
  out.length = sizeof(sockaddr_in);
  return inet_pton(AF_INET, host, &out.v4.sin_addr) == 1;
}

std::size_t write_address(const Address& address, char* out, std::size_t size) {
  char host[INET6_ADDRSTRLEN] = {};
  std::size_t at = 0;
  if (address.family() == AF_INET) {
    if (inet_ntop(AF_INET, &address.v4.sin_addr, host, sizeof(host)) == nullptr) return 0;
    at = put(out, size, at, host, std::strlen(host));
    return put_port(out, size, at, address.v4.sin_port);
  }
  if (address.family() == AF_INET6) {
    if (inet_ntop(AF_INET6, &address.v6.sin6_addr, host, sizeof(host)) == nullptr) return 0;
    at = put(out, size, at, "[", 1);
    at = put(out, size, at, host, std::strlen(host));
    at = put(out, size, at, "]", 1);
    return put_port(out, size, at, address.v6.sin6_port);
  }
  const std::size_t path = address.family() == AF_UNIX ? path_size(address) : 0;
  if (path == 0) return 0;
  at = put(out, size, at, "unix:", 5);
  if (address.local.sun_path[0] != 0) return put(out, size, at, address.local.sun_path, path);
  at = put(out, size, at, "@", 1);
  return put(out, size, at, address.local.sun_path + 1, path - 1);
}

Match match(const Address& bound, bool v6_only, const Address& pool) {
  if (bound.family() == AF_UNIX || pool.family() == AF_UNIX) {
    return bound.family() == pool.family() && same_path(bound, pool) ? Match::kSame : Match::kNone;
  }
  if (!internet(bound) || !internet(pool)) return Match::kNone;
  if (port_of(bound) == 0 || port_of(bound) != port_of(pool)) return Match::kNone;
  return match_host(unmapped(bound), v6_only, unmapped(pool));
}

void as_family(Address& address, int family) {
  if (address.family() == family || (family != AF_INET && family != AF_INET6)) return;
  const Address from = address;
  address = Address();
  if (family == AF_INET) {
    address.v4.sin_family = AF_INET;
    address.length = sizeof(sockaddr_in);
    if (from.family() == AF_INET6) {
      address.v4.sin_port = from.v6.sin6_port;
      if (IN6_IS_ADDR_V4MAPPED(&from.v6.sin6_addr)) {
        std::memcpy(&address.v4.sin_addr, from.v6.sin6_addr.s6_addr + 12, 4);
      } else if (IN6_IS_ADDR_LOOPBACK(&from.v6.sin6_addr)) {
        address.v4.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
      }
    } else {
      address.v4.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    }
    return;
  }
  address.v6.sin6_family = AF_INET6;
  address.length = sizeof(sockaddr_in6);
  if (from.family() == AF_INET) {
    address.v6.sin6_port = from.v4.sin_port;
    address.v6.sin6_addr.s6_addr[10] = address.v6.sin6_addr.s6_addr[11] = 0xff;
    std::memcpy(address.v6.sin6_addr.s6_addr + 12, &from.v4.sin_addr, 4);
  } else {
    address.v6.sin6_addr.s6_addr[15] = 1;
  }
}

void give(const Address& address, sockaddr* to, socklen_t* length) {
  if (to == nullptr || length == nullptr) return;
  std::memcpy(to, &address.any, std::min(address.length, *length));
  *length = address.length;
}

}  // namespace prefork::accept
