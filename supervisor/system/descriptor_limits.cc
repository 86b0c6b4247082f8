#include "supervisor/system/descriptor_limits.h"

#include <sys/syscall.h>
#include <unistd.h>

namespace prefork {
namespace {

/// The soft limit that the kernel gives its first process.
constexpr rlim_t kUsual = 1024;

}  // namespace

rlimit descriptor_limits() {
  rlimit limits{kUsual, kUsual};
  if (::getrlimit(RLIMIT_NOFILE, &limits) == 0) return limits;
    // The rules of a container deny prlimit64, which is behind getrlimit(). They may know the older call.
#if defined(SYS_getrlimit) && __SIZEOF_LONG__ == 8
  if (::syscall(SYS_getrlimit, RLIMIT_NOFILE, &limits) == 0) return limits;
#endif
  return {kUsual, kUsual};
}

rlimit raise_descriptor_limit() {
  const rlimit original = descriptor_limits();
  const rlimit raised{original.rlim_max, original.rlim_max};
  (void)::setrlimit(RLIMIT_NOFILE, &raised);
  return original;
}

std::size_t descriptor_limit() { return descriptor_limits().rlim_cur; }

}  // namespace prefork
