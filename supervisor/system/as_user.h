// Does something as another user and tells what it found: in a child process, for a process cannot become
// root again. For `supervisor check` and the start, which have one thread and nothing else to do: they wait
// for the child, which dies with them.
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "config/process_config.h"
#include "proto/result.h"

namespace prefork {

/// The lines that `act` returns in a child that is `identity`. An error when the child cannot be that user,
/// or dies.
[[nodiscard]] Result<std::vector<std::string>> lines_as(const Identity& identity,
                                                        const std::function<std::vector<std::string>()>& act);

}  // namespace prefork
