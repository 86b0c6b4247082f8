// The pids of this process's children, dead ones included, a piece at a time. waitid() for any child shows
// only the first dead one, and the kernel walks the whole list for it.
#pragma once

#include <sys/types.h>

#include <string>
#include <vector>

#include "proto/fd.h"

namespace prefork {

class ChildList {
 public:
  /// Begins anew. False: the kernel does not offer the list (CONFIG_PROC_CHILDREN), or no descriptor is free.
  [[nodiscard]] bool open();
  /// The next few hundred pids; empty at the end, and when the list is not open. The kernel may leave out
  /// children when others are reaped meanwhile.
  [[nodiscard]] std::vector<pid_t> read();

 private:
  Fd file_;
  std::string cut_;  ///< the start of a pid whose rest has not been read
};

}  // namespace prefork
