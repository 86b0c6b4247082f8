// syscall(): libuv and uvloop close and accept with it.
#include <fcntl.h>
#include <sys/epoll.h>
#include <sys/syscall.h>

#include <cstdarg>

#include "worker/accept/channel.h"
#include "worker/accept/context.h"
#include "worker/accept/interposed.h"
#include "worker/accept/next_function.h"
#include "worker/accept/result.h"

#ifndef SYS_io_uring_setup
#define SYS_io_uring_setup 425
#endif

namespace prefork::accept {
namespace {

PREFORK_NEXT(syscall, long(long, ...));

template <typename T>
T pointer(long word) {
  return reinterpret_cast<T>(word);  // NOLINT(performance-no-int-to-ptr)
}

/// A ring would accept and close past the library.
long refuse_io_uring() {
  constexpr char kText[] = "asked for io_uring, which is refused; accepts another way, or not at all";
  if (!context.tree->ready.load(std::memory_order_relaxed) && in_own_process())
    tell_note(kText, sizeof(kText) - 1);
  return fail(ENOSYS);
}

}  // namespace

PREFORK_INTERPOSE(long, syscall, long number, ...);
long interposed_syscall(long number, ...) {
  va_list more;
  va_start(more, number);
  const long a = va_arg(more, long);
  const long b = va_arg(more, long);
  const long c = va_arg(more, long);
  const long d = va_arg(more, long);
  const long e = va_arg(more, long);
  const long f = va_arg(more, long);
  va_end(more);
  const int fd = static_cast<int>(a);
  if (!active()) return next_syscall(number, a, b, c, d, e, f);
  switch (number) {
    case SYS_close: return interposed_close(fd);
    case SYS_accept: return interposed_accept4(fd, pointer<sockaddr*>(b), pointer<socklen_t*>(c), 0);
    case SYS_accept4:
      return interposed_accept4(fd, pointer<sockaddr*>(b), pointer<socklen_t*>(c), static_cast<int>(d));
    case SYS_bind: return interposed_bind(fd, pointer<const sockaddr*>(b), static_cast<socklen_t>(c));
    case SYS_listen: return interposed_listen(fd, static_cast<int>(b));
    case SYS_dup: return interposed_dup(fd);
#ifdef SYS_dup2
    case SYS_dup2: return interposed_dup2(fd, static_cast<int>(b));
#endif
    case SYS_dup3: return interposed_dup3(fd, static_cast<int>(b), static_cast<int>(c));
    case SYS_fcntl: return control_descriptor(fd, static_cast<int>(b), c);
    case SYS_close_range:
      return interposed_close_range(static_cast<unsigned>(a), static_cast<unsigned>(b), static_cast<int>(c));
    case SYS_epoll_ctl:
      return interposed_epoll_ctl(fd, static_cast<int>(b), static_cast<int>(c), pointer<epoll_event*>(d));
    case SYS_io_uring_setup: return refuse_io_uring();
    default: return next_syscall(number, a, b, c, d, e, f);
  }
}

}  // namespace prefork::accept
