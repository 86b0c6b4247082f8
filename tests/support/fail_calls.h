// The file through which a test, or script/chaos, makes system calls of a supervisor fail (fail_calls.cc).
// Both map it: a change takes effect at once, in the supervisor and in the spawners that it has forked.
#pragma once

#include <cstdint>

namespace prefork::test {

/// Names the file in the supervisor's environment.
constexpr const char* kFailCallsVariable = "FAIL_CALLS";

/// The calls, in the order of the file. In fail_calls.cc each has a function.
constexpr const char* kCallNames[] = {"accept4", "clone",   "epoll_create1", "epoll_ctl",  "eventfd",
                                      "fcntl",   "memfd",   "open",          "pidfd_open", "pipe2",
                                      "pthread", "recvmsg", "sendmsg",       "socket",     "socketpair"};

/// Orders for one call. tests/chaos/failing.py knows this layout.
struct FailOrder {
  char call[16];         ///< its name
  std::int32_t error;    ///< errno; 0: it succeeds
  std::uint32_t who;     ///< kSupervisor, kSpawner, or both
  std::uint32_t skip;    ///< so many calls succeed first
  std::uint32_t every;   ///< then each so many'th fails; 0 counts as 1
  std::uint32_t left;    ///< so many failures are left
  std::uint32_t failed;  ///< so many have failed
  enum : std::uint32_t { kSupervisor = 1, kSpawner = 2 };
};
static_assert(sizeof(FailOrder) == 40);

}  // namespace prefork::test
