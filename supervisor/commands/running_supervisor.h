// The supervisor that runs with a file. The command check needs to know it: to tell its listeners from
// others', and what a reload of it would refuse. Other commands look for it by its file.
#pragma once

#include <sys/types.h>

#include <chrono>
#include <cstddef>
#include <optional>
#include <set>
#include <string>

namespace prefork {

struct RunningSupervisor {
  std::set<std::string> listeners;  ///< their addresses, as in ListenAddress::text()
  pid_t pid = 0, spawner = 0;       ///< 0: in another pid namespace, or not known
  std::size_t seccomp_from = 0;     ///< the first descriptor of clients that it cannot read; 0: it can
};

/// Nothing when no supervisor answers there, or not to this user, or when it runs with another file than
/// `file`.
[[nodiscard]] std::optional<RunningSupervisor> running_supervisor(
    const std::string& control, const std::string& file,
    std::chrono::seconds patience = std::chrono::seconds(2));

}  // namespace prefork
