#include "supervisor/system/client_descriptors.h"

#include <fcntl.h>

#include <string>
#include <utility>

#include "supervisor/system/read_filter.h"

namespace prefork {

Result<void> ClientDescriptors::protect(int first) {
  if (auto denied = deny_reading_from(first); !denied) return denied;
  adopt(first, true);
  return {};
}

Result<void> ClientDescriptors::check_own(int descriptor) const {
  if (!protected_ || !contain(descriptor)) return {};
  return Error{"no descriptor below " + std::to_string(first_) +
               " is free, and seccomp reserves the numbers from there on for clients"};
}

bool ClientDescriptors::take(Fd& socket) const {
  if (contain(socket.get())) return true;
  // EMFILE: no number is free. EINVAL: the limit is below first_. Both mean the same here.
  Fd moved(::fcntl(socket.get(), F_DUPFD_CLOEXEC, first_));
  if (!moved.valid()) return false;
  socket = std::move(moved);
  return true;
}

}  // namespace prefork
