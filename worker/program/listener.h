// A listening TCP socket for `--listen`.
#pragma once

#include <string>

#include "proto/fd.h"
#include "proto/result.h"

namespace prefork::worker {

struct Address {
  std::string host;  ///< empty: all addresses
  std::string port;
};

/// Splits `HOST:PORT`, `[IPv6]:PORT` or `:PORT`.
[[nodiscard]] Result<Address> parse_address(const std::string& text);

/// A listening socket, blocking and close-on-exec.
[[nodiscard]] Result<Fd> open_listener(const Address& address, bool reuse_port);

/// The address and port of the listener, in numbers.
[[nodiscard]] Result<Address> address_of(const Fd& listener);

/// The form that parse_address() reads.
[[nodiscard]] std::string text_of(const Address& address);

}  // namespace prefork::worker
