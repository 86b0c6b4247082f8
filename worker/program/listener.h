// A listening TCP socket for `--listen`.
#pragma once

#include <string>

#include "proto/fd.h"
#include "proto/result.h"

namespace prefork::worker {

struct Address {
  std::string host;  ///< empty: all
  std::string port;
};

/// Takes `HOST:PORT`, `[IPv6]:PORT` or `:PORT` apart.
[[nodiscard]] Result<Address> parse_address(const std::string& text);

/// Blocking, close-on-exec, listening.
[[nodiscard]] Result<Fd> open_listener(const Address& address, bool reuse_port);

/// Where it listens, in numbers: what a client connects to.
[[nodiscard]] Result<Address> address_of(const Fd& listener);

/// As parse_address() reads it.
[[nodiscard]] std::string text_of(const Address& address);

}  // namespace prefork::worker
