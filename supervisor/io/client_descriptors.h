// Which numbers the sockets of clients have. With seccomp all of them stand at or above a number that is
// fixed at the start, everything of the supervisor's own below it, and the kernel refuses to read from there.
#pragma once

#include "proto/fd.h"
#include "proto/result.h"

namespace prefork {

class ClientDescriptors {
 public:
  /// Installs the filter for good. Before the first client, and after everything has been started that shall
  /// be without it.
  [[nodiscard]] Result<void> protect(int first);
  /// The filter is there already, from before an upgrade in place; 0: it is not.
  void adopt(int first) { first_ = first; }

  [[nodiscard]] bool are_protected() const { return first_ != 0; }
  /// The lowest that a client's socket has; 0: any.
  [[nodiscard]] int first() const { return first_; }
  /// Refuses one for the supervisor's own use that it could not read from: there was none left below.
  [[nodiscard]] Result<void> check_own(int descriptor) const;
  /// Gives a client's socket a number that is for clients. False: there is none left; it stays as it is.
  [[nodiscard]] bool take(Fd& socket) const;

 private:
  [[nodiscard]] bool contain(int descriptor) const { return are_protected() && descriptor >= first_; }

  int first_ = 0;
};

}  // namespace prefork
