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
               " is free, and seccomp keeps those from there on for clients"};
}

bool ClientDescriptors::take(Fd& socket) const {
  if (contain(socket.get())) return true;
  // EMFILE, or EINVAL when the limit has been lowered so far that no number is left: the same to us.
  Fd moved(::fcntl(socket.get(), F_DUPFD_CLOEXEC, first_));
  if (!moved.valid()) return false;
  socket = std::move(moved);
  return true;
}

}  // namespace prefork
