// How much memory a process uses.
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <optional>

namespace prefork {

/// Resident bytes of a process, shared pages included, as the kernel counts them; nothing when it is gone.
[[nodiscard]] std::optional<std::uint64_t> resident_memory(pid_t pid);

}  // namespace prefork
