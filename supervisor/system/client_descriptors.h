// The descriptor numbers of client sockets: all are at or above a number that is fixed at the start. So
// clients never use up the descriptors that the supervisor needs itself. With seccomp the kernel refuses to
// read from client sockets.
#pragma once

#include <cstddef>

#include "proto/fd.h"
#include "proto/result.h"

namespace prefork {

class ClientDescriptors {
 public:
  /// Installs the seccomp filter, irrevocably. To be called before the first client, and after all processes
  /// that must not have the filter were started.
  [[nodiscard]] Result<void> protect(int first);
  /// Fixes the number, without a filter.
  void reserve(int first) { first_ = first; }
  /// Restores the state from before an upgrade in place.
  void adopt(int first, bool is_protected) {
    first_ = first;
    protected_ = is_protected;
  }

  [[nodiscard]] bool are_protected() const { return protected_; }
  /// The lowest number of a client's socket; 0: any number.
  [[nodiscard]] int first() const { return first_; }
  /// The supervisor's own descriptors must be below this number; 0: there is no bound.
  [[nodiscard]] std::size_t unreadable_from() const {
    return protected_ ? static_cast<std::size_t>(first_) : 0;
  }
  /// An error when the supervisor could not read from `descriptor`: no number below first() was free for it.
  [[nodiscard]] Result<void> check_own(int descriptor) const;
  /// Moves a client's socket to a number for clients. False: no number is free; the socket stays as it is.
  [[nodiscard]] bool take(Fd& socket) const;

 private:
  [[nodiscard]] bool contain(int descriptor) const { return descriptor >= first_; }

  int first_ = 0;
  bool protected_ = false;
};

}  // namespace prefork
