// The program whose calls are reported: its memory, its descriptors, its signals. All of it may be hostile,
// and may change at any moment. Needs the rights of a debugger, which the kernel gives to a process of the
// same user.
#pragma once

#include <sys/types.h>

#include <cstddef>
#include <cstdint>
#include <optional>

#include "proto/fd.h"

namespace prefork::notify {

class Program {
 public:
  explicit Program(pid_t pid);

  [[nodiscard]] pid_t pid() const { return pid_; }
  /// Readable when it has ended; not valid where pidfd_open(2) is denied.
  [[nodiscard]] const Fd& end() const { return pidfd_; }
  void signal(int number) const;
  /// Whether its limit of descriptors allows the number. True: that is not known.
  [[nodiscard]] bool may_have(std::uint32_t descriptor) const;
  /// Whether its process of that id has something open at the number.
  [[nodiscard]] bool has_open(pid_t process, std::uint32_t descriptor);
  /// Whether it has a handler of its own for the signal.
  [[nodiscard]] bool handles(int signal) const;
  [[nodiscard]] bool ignores(int signal) const;

 private:
  pid_t pid_;
  Fd pidfd_;
  bool asks_kernel_ = true;  ///< pidfd_getfd(2) is there and allowed
};

/// Of a thread, or its process. False: not all of it is there, or it may not be read.
[[nodiscard]] bool read_memory(pid_t thread, std::uint64_t address, void* to, std::size_t size);
/// Writes a value, cut at `room`, and then its whole size to another place, as the kernel gives addresses.
void give_value(pid_t thread, const void* value, std::uint32_t size, std::uint64_t to, std::uint64_t size_at);

/// The process of a thread: `likely`, if it is one of its threads; else it is looked up. 0: it has ended.
[[nodiscard]] pid_t process_of(pid_t thread, pid_t likely);
/// The flags of an open descriptor, with O_CLOEXEC. Nothing: it is not open, or may not be looked at.
[[nodiscard]] std::optional<int> flags_of(pid_t thread, std::uint32_t descriptor);
/// Whether an epoll instance is there, which is what the program gets for a listener.
[[nodiscard]] bool has_queue(pid_t thread, std::uint32_t descriptor);

}  // namespace prefork::notify
