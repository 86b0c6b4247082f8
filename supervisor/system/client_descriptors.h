// Which numbers the sockets of clients have: all of them stand at or above one that is fixed at the start, so
// that clients leave the supervisor what it needs itself. With seccomp the kernel refuses to read from there.
#pragma once

#include <cstddef>

#include "proto/fd.h"
#include "proto/result.h"

namespace prefork {

class ClientDescriptors {
 public:
  /// Installs the filter for good. Before the first client, and after everything has been started that shall
  /// be without it.
  [[nodiscard]] Result<void> protect(int first);
  /// The same without a filter.
  void reserve(int first) { first_ = first; }
  /// As it was before an upgrade in place.
  void adopt(int first, bool is_protected) {
    first_ = first;
    protected_ = is_protected;
  }

  [[nodiscard]] bool are_protected() const { return protected_; }
  /// The lowest that a client's socket has; 0: any.
  [[nodiscard]] int first() const { return first_; }
  /// The same, where the supervisor's own must stay below it; 0: they need not.
  [[nodiscard]] std::size_t unreadable_from() const {
    return protected_ ? static_cast<std::size_t>(first_) : 0;
  }
  /// Refuses one for the supervisor's own use that it could not read from: there was none left below.
  [[nodiscard]] Result<void> check_own(int descriptor) const;
  /// Gives a client's socket a number that is for clients. False: there is none left; it stays as it is.
  [[nodiscard]] bool take(Fd& socket) const;

 private:
  [[nodiscard]] bool contain(int descriptor) const { return descriptor >= first_; }

  int first_ = 0;
  bool protected_ = false;
};

}  // namespace prefork
