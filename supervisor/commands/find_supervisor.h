// Which supervisor a command means: the one of the named control socket or configuration, or else the only
// one of this user that runs.
#pragma once

#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "supervisor/commands/command_line.h"

namespace prefork {

/// The control sockets in these directories that a supervisor listens at and lets this user connect to. One
/// that does not accept for a second counts: it may be stopped by a signal.
[[nodiscard]] std::vector<std::string> running_supervisors(const std::vector<std::string>& directories);

/// For a person: "main, pid 4711, /etc/shop.json, control socket /run/supervisor/shop-1a2b3c4d.sock". What
/// answers there may be no supervisor.
[[nodiscard]] std::string describe_supervisor(const std::string& path);

/// The control socket, in these directories, of the supervisor that runs with this file: the file may name
/// another one by now.
[[nodiscard]] std::optional<std::string> running_with(const std::string& file,
                                                      const std::vector<std::string>& directories);

/// The path of the control socket, or the exit status when the reason was printed.
[[nodiscard]] std::variant<std::string, int> find_supervisor(const CommandLine& line);

/// What to do when no supervisor listens at the path that find_supervisor() has found.
[[nodiscard]] std::string when_none_listens(const CommandLine& line);

}  // namespace prefork
