// What the admin process is started from, and what it is told first.
#pragma once

#include <sys/resource.h>

#include <optional>
#include <string>
#include <vector>

#include "config/process_config.h"
#include "proto/fd.h"
#include "proto/result.h"
#include "supervisor/spawner/launch.h"

namespace prefork {

/// `identity`: its user; not set: the supervisor's own. `descriptors`: RLIMIT_NOFILE of workers; the process
/// has its own limit below that one.
[[nodiscard]] Launch admin_launch(const std::string& program, const std::optional<Identity>& identity,
                                  rlim_t descriptors);

/// A file in memory where a process keeps its history, and the next one finds it. Its size is fixed. The
/// supervisor reads nothing of it.
[[nodiscard]] Result<Fd> make_admin_history();

/// The notification `listen`, with its newline. `history`: the file of make_admin_history() comes with it,
/// after the sockets.
[[nodiscard]] std::string listen_line(const std::vector<std::string>& admin,
                                      const std::vector<std::string>& agent,
                                      const std::vector<std::string>& hosts, bool history);

}  // namespace prefork
