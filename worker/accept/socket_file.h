// The files of the pool's unix sockets. They are the supervisor's: a program that removes its socket before
// bind(), or at its end, as most do, must not take the pool's address away.
#pragma once

#include "worker/accept/address.h"

namespace prefork::accept {

/// Whether both are unix sockets with a path, and the paths lead to the same file.
[[nodiscard]] bool same_socket_file(const Address& a, const Address& b);
/// Whether a path of the program, relative to `directory`, leads to a socket of the pool.
[[nodiscard]] bool is_pool_socket(int directory, const char* path);

}  // namespace prefork::accept
