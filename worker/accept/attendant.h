// A thread of the library in a process that has forked: it notices the death of children, whether the program
// waits for them or not, and passes a Drain on that another process of the worker has read. It starts with
// the first child.
#pragma once

#include <sys/types.h>

#include <cstdint>

namespace prefork::accept {

/// Watches a child; its row in the tree is freed when it is dead. False: it is not watched.
[[nodiscard]] bool attend_child(pid_t pid, std::uint32_t process);
/// While the worker drains: connections of this process that are quiet are ended.
void attend_drain();
/// Whether the thread runs.
[[nodiscard]] bool attended();
/// In a child of fork(): the thread is the parent's.
void forget_attendant();

}  // namespace prefork::accept
