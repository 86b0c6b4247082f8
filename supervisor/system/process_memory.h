// How much memory a process uses.
#pragma once

#include <sys/types.h>

#include <cstdint>

#include "proto/result.h"

namespace prefork {

/// Resident bytes of a process, shared pages included, as the kernel counts them. An error when it is gone,
/// or when /proc hides it.
[[nodiscard]] Result<std::uint64_t> resident_memory(pid_t pid);

}  // namespace prefork
