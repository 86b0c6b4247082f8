// Addresses of sockets: as text, and for the program that runs by itself, without a supervisor that binds.
#pragma once

#include <sys/socket.h>

#include <string>

#include "proto/fd.h"
#include "proto/result.h"

namespace prefork {

/// "127.0.0.1:53422", "[::1]:53422"; "unix".
[[nodiscard]] std::string address_text(const sockaddr_storage& address, socklen_t size);

/// A listening socket at "IP:PORT", ":PORT" (of IPv4) or "unix:/path".
[[nodiscard]] Result<Fd> listen_at(const std::string& address);
/// Where a listening socket is bound.
[[nodiscard]] std::string bound_address(int socket);
/// A connection to a unix socket.
[[nodiscard]] Result<Fd> connect_to(const std::string& path);

}  // namespace prefork
