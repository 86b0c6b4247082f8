// fork() and the end of the worker's processes: which of them hold a connection afterwards.
#pragma once

#include <sys/types.h>

#include <cstdint>

namespace prefork::accept {

/// fork() of a process with a place in the tree.
pid_t fork_tracked();
/// A child is dead: what it held is let go. Its row may be another process's by now; then nothing happens.
void process_gone(std::uint32_t process, pid_t pid);

/// Tells the supervisor that the program leaves its first process while another one serves.
void note_background();
/// Before the process ends by itself. `buffered`: the C library still has to write what stdio holds.
void before_exit(bool buffered);

}  // namespace prefork::accept
