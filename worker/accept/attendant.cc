#include "worker/accept/attendant.h"

#include <pthread.h>
#include <signal.h>
#include <sys/epoll.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <cerrno>

#include "worker/accept/context.h"
#include "worker/accept/descriptor_table.h"
#include "worker/accept/drain.h"
#include "worker/accept/private_descriptors.h"
#include "worker/accept/processes.h"
#include "worker/accept/quiet.h"
#include "worker/accept/raw.h"
#include "worker/accept/watches.h"

namespace prefork::accept {
namespace {

enum class State { kNone, kStarting, kRuns };

constinit std::atomic<State> state{State::kNone};
constinit std::atomic<int> epoll{-1};
constinit std::atomic<int> nudge{-1};  ///< eventfd: the thread looks whether the worker drains

constexpr int kLookAgain = 50;  // ms
constexpr long kStartPause = 50'000;
constexpr int kMostStartPauses = 20'000;  // 1 s

static_assert(kMaxProcesses <= 1 << 12 && kMaxDescriptors <= 1 << 20);

/// Data of the epoll: the child's pidfd, its row and its pid.
epoll_event watch_of(int pidfd, std::uint32_t process, pid_t pid) {
  epoll_event watch{};
  watch.events = EPOLLIN;
  watch.data.u64 = static_cast<std::uint64_t>(pid) << 32 | process << 20 | static_cast<std::uint32_t>(pidfd);
  return watch;
}

bool watch_fd(int fd, std::uint32_t process, pid_t pid) {
  epoll_event watch = watch_of(fd, process, pid);
  return fd >= 0 && raw::call(SYS_epoll_ctl, epoll.load(), kEpollAdd, fd, &watch) == 0;
}

void on_event(std::uint64_t data) {
  const int fd = static_cast<int>(data & 0xfffff);
  if (fd == drain_event()) return on_drain_event();
  if (fd == nudge) {
    std::uint64_t count = 0;
    (void)raw::call(SYS_read, fd, &count, sizeof(count));
    return;
  }
  // Children may have a copy of the pidfd, so that closing it would not end the watch.
  (void)raw::call(SYS_epoll_ctl, epoll.load(), kEpollDelete, fd, nullptr);
  close_private(fd);
  process_gone(static_cast<std::uint32_t>(data >> 20) & 0xfff, static_cast<pid_t>(data >> 32));
}

/// Whether connections of this process are to be ended when they are quiet.
bool ends_connections() {
  const Tree& tree = *context.tree;
  return (tree.draining || tree.ended) && !tree.finishing && tracked() && tree.holds_any(context.process);
}

void* attend(void*) {
  for (;;) {
    epoll_event events[16];
    const bool look = ends_connections();
    if (look) end_quiet_connections();
    const long count =
        raw::call(SYS_epoll_pwait, epoll.load(), events, 16, look ? kLookAgain : -1, nullptr, 8);
    if (count < 0 && count != -EINTR) return nullptr;
    for (long i = 0; i < count; ++i) on_event(events[i].data.u64);
  }
}

bool start_thread() {
  const long stack = std::max(sysconf(_SC_THREAD_STACK_MIN), 16384L) + 65536;
  pthread_attr_t attributes;
  pthread_t thread;
  sigset_t all;
  sigset_t before;
  sigfillset(&all);
  if (pthread_attr_init(&attributes) != 0) return false;
  (void)pthread_attr_setstacksize(&attributes, static_cast<std::size_t>(stack));
  (void)pthread_attr_setdetachstate(&attributes, PTHREAD_CREATE_DETACHED);
  (void)pthread_sigmask(SIG_SETMASK, &all, &before);
  const bool started = pthread_create(&thread, &attributes, attend, nullptr) == 0;
  (void)pthread_sigmask(SIG_SETMASK, &before, nullptr);
  (void)pthread_attr_destroy(&attributes);
  return started;
}

bool start_attendant() {
  State none = State::kNone;
  if (!state.compare_exchange_strong(none, State::kStarting)) {
    // Another thread is about to: without the wait this child would have no watch.
    for (int i = 0; i < kMostStartPauses && state == State::kStarting; ++i) (void)raw::sleep_ns(kStartPause);
    return state == State::kRuns;
  }
  epoll = make_private(static_cast<int>(raw::call(SYS_epoll_create1, EPOLL_CLOEXEC)));
  nudge = new_event();
  (void)watch_fd(nudge, 0, 0);
  if (context.tree->owner == context.pid) (void)watch_fd(drain_event(), 0, 0);
  const bool runs = epoll >= 0 && start_thread();
  state = runs ? State::kRuns : State::kNone;
  return runs;
}

}  // namespace

bool attend_child(pid_t pid, std::uint32_t process) {
  if (!start_attendant()) return false;
  const long opened = raw::call(SYS_pidfd_open, pid, 0);
  if (opened == -ESRCH) process_gone(process, pid);
  if (opened < 0) return opened == -ESRCH;
  return watch_fd(make_private(static_cast<int>(opened), Private::kChildWatch), process, pid);
}

void attend_drain() {
  if (!ends_connections() || !start_attendant()) return;
  const std::uint64_t one = 1;
  (void)raw::call(SYS_write, nudge.load(), &one, sizeof(one));
}

bool attended() { return state == State::kRuns; }

void forget_attendant() {
  state = State::kNone;
  close_private(epoll.exchange(-1));
  close_private(nudge.exchange(-1));
  for (int fd = 0; fd < table.end(); ++fd) {
    const Entry entry = table.look(fd);
    if (entry.kind == Kind::kPrivate && entry.index == static_cast<std::uint32_t>(Private::kChildWatch)) {
      close_private(fd);
    }
  }
}

}  // namespace prefork::accept
