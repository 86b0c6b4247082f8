#include "worker/accept/private_descriptors.h"

#include <fcntl.h>
#include <sys/eventfd.h>
#include <sys/resource.h>

#include <algorithm>

#include "worker/accept/descriptor_table.h"
#include "worker/accept/raw.h"

namespace prefork::accept {
namespace {

/// Near 1,024 even where more is allowed: a process with a high number has a large table, which each fork()
/// copies.
long first_private() {
  struct {
    unsigned long current, most;
  } limit{};
  (void)raw::call(SYS_prlimit64, 0, RLIMIT_NOFILE, nullptr, &limit);
  const long numbers = static_cast<long>(std::min(limit.current, 1024UL));
  return numbers - numbers / 16;
}

int claim(int fd, Private what) {
  if (fd < kMaxDescriptors) table.exchange(fd, {Kind::kPrivate, static_cast<std::uint32_t>(what)});
  return fd;
}

}  // namespace

int make_private(int fd, Private what) {
  if (fd < 0) return fd;
  const long high = raw::fcntl(fd, F_DUPFD_CLOEXEC, first_private());
  if (high < 0) return claim(fd, what);
  (void)raw::close(fd);
  return claim(static_cast<int>(high), what);
}

int private_copy(int fd) {
  long high = raw::fcntl(fd, F_DUPFD_CLOEXEC, first_private());
  if (high < 0) high = raw::fcntl(fd, F_DUPFD_CLOEXEC, 3);
  return high < 0 ? -1 : claim(static_cast<int>(high), Private::kLasting);
}

int new_event() {
  return make_private(static_cast<int>(raw::call(SYS_eventfd2, 0, EFD_CLOEXEC | EFD_NONBLOCK)));
}

void close_private(int fd) {
  if (fd < 0) return;
  if (fd < kMaxDescriptors) table.exchange(fd, {});
  (void)raw::close(fd);
}

}  // namespace prefork::accept
