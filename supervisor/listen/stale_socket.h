// Removes the file of a unix socket that no process listens on any more, so that the path can be bound again.
// Takes no lock: another process could hold it. The loop calls it; it waits for nothing but the file system.
#pragma once

#include <string>

#include "proto/result.h"

namespace prefork {

/// Succeeds when nothing is at the path any more. An error: a process listens there, or what is there is not
/// a socket. A process that binds the path at the same moment keeps it if it listens before it looks whether
/// the path is still its own.
[[nodiscard]] Result<void> remove_stale_socket(const std::string& path);

}  // namespace prefork
