// Where the control socket is when the configuration does not say it: a name that follows from the path of
// the configuration, in the runtime directory of the supervisor's user. The supervisor makes the socket, and
// commands look for it.
#pragma once

#include <sys/types.h>

#include <string>
#include <vector>

#include "proto/result.h"

namespace prefork {

/// "pool-1a2b3c4d.sock": the name of the file, and a hash of its absolute path.
[[nodiscard]] std::string default_control_name(const std::string& config_file);
/// "run-4711.sock", for a supervisor without a file.
[[nodiscard]] std::string default_control_name(pid_t supervisor);

/// The directory for this process's own socket: that of $RUNTIME_DIRECTORY, or else `supervisor` in
/// $XDG_RUNTIME_DIR if that belongs to this user, or else /run/supervisor for root, or else
/// /tmp/supervisor-UID. It need not exist.
[[nodiscard]] std::string runtime_directory();
/// Makes the directory if it is missing. An error unless it is a directory of this user where no other user
/// can write.
[[nodiscard]] Result<void> make_runtime_directory(const std::string& directory);

/// The directories where this user's supervisors may have their sockets, those of root's services included.
/// They need not exist. One that another user may have made is left out.
[[nodiscard]] std::vector<std::string> runtime_directories();
/// The paths of all sockets in these directories, in order: at most a thousand.
[[nodiscard]] std::vector<std::string> control_sockets_in(const std::vector<std::string>& directories);
/// The socket of the supervisor that runs with this file, or where it would be.
[[nodiscard]] std::string find_default_control(const std::string& config_file);

}  // namespace prefork
