// Preloaded into a supervisor: its calls of epoll_ctl(2) from a number on fail, a given number of them, as if
// the user had too many watches. FAIL_EPOLL_CTL is "FIRST COUNT". Workers get nothing of it: it takes itself
// out of the environment.
#include <sys/epoll.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cerrno>
#include <cstdlib>

namespace {

long until_first = 0;
long failures = 0;

__attribute__((constructor)) void read_order() {
  const char* text = std::getenv("FAIL_EPOLL_CTL");
  if (text == nullptr) return;
  char* end = nullptr;
  until_first = std::strtol(text, &end, 10);
  failures = std::strtol(end, nullptr, 10);
  ::unsetenv("FAIL_EPOLL_CTL");
  ::unsetenv("LD_PRELOAD");
}

bool is_to_fail() {
  if (until_first > 1) return --until_first, false;
  return failures > 0 && failures-- > 0;
}

}  // namespace

extern "C" int epoll_ctl(int epoll, int operation, int descriptor, epoll_event* event) noexcept {
  if (!is_to_fail()) return static_cast<int>(::syscall(SYS_epoll_ctl, epoll, operation, descriptor, event));
  errno = ENOSPC;
  return -1;
}
