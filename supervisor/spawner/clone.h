// fork() with a pidfd: no pidfd_open(2) is needed, which the rules of a container may deny.
#pragma once

#include <sys/types.h>

#include <cstdint>

#include "proto/fd.h"

namespace prefork {

/// The parent of the new process.
enum class CloneParent : std::uint8_t {
  kCaller,
  kParentOfCaller,  ///< the new process is a sibling of the caller
};

/// 0 in the new process; its pid in the caller, with `pidfd` set; -1 on failure, see errno. The caller has
/// one thread.
[[nodiscard]] pid_t clone_with_pidfd(CloneParent parent, Fd& pidfd);

}  // namespace prefork
