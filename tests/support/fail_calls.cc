// Preloaded into a supervisor: system calls fail on order, as they do when the machine is short of something.
// See fail_calls.h. The programs of workers shall not be started with it: the pool's environment sets
// LD_PRELOAD to nothing.
#include "tests/support/fail_calls.h"

#include <dlfcn.h>
#include <fcntl.h>
#include <pthread.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cerrno>
#include <cstdarg>
#include <cstdlib>
#include <cstring>
#include <iterator>

namespace {

using prefork::test::FailOrder;

/// As kCallNames.
enum Call {
  kAccept4,
  kClone,
  kEpollCreate,
  kEpollCtl,
  kEventfd,
  kFcntl,
  kMemfd,
  kOpen,
  kPidfdOpen,
  kPipe2,
  kThread,
  kRecvmsg,
  kSendmsg,
  kSocket,
  kSocketpair,
  kCalls
};
static_assert(std::size(prefork::test::kCallNames) == kCalls);

FailOrder* orders = nullptr;
pid_t supervisor = 0;

__attribute__((constructor)) void map_orders() {
  const char* path = std::getenv(prefork::test::kFailCallsVariable);
  if (path == nullptr) return;
  const int file = ::open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0666);
  if (file < 0 || ::ftruncate(file, sizeof(FailOrder) * kCalls) < 0) std::abort();
  void* map = ::mmap(nullptr, sizeof(FailOrder) * kCalls, PROT_READ | PROT_WRITE, MAP_SHARED, file, 0);
  if (map == MAP_FAILED) std::abort();
  (void)::close(file);
  supervisor = ::getpid();
  for (int call = 0; call < kCalls; ++call) {
    std::strncpy(static_cast<FailOrder*>(map)[call].call, prefork::test::kCallNames[call],
                 sizeof(FailOrder::call));
  }
  orders = static_cast<FailOrder*>(map);
}

/// Counts down by one, not below zero. False: it was zero.
bool take_one(std::uint32_t& count) {
  std::uint32_t now = __atomic_load_n(&count, __ATOMIC_RELAXED);
  while (now > 0) {
    if (__atomic_compare_exchange_n(&count, &now, now - 1, false, __ATOMIC_RELAXED, __ATOMIC_RELAXED))
      return true;
  }
  return false;
}

/// With errno set.
bool fails(Call call) {
  if (orders == nullptr) return false;
  FailOrder& order = orders[call];
  const int error = __atomic_load_n(&order.error, __ATOMIC_RELAXED);
  if (error == 0) return false;
  const std::uint32_t self = ::getpid() == supervisor ? FailOrder::kSupervisor : FailOrder::kSpawner;
  if ((order.who & self) == 0 || take_one(order.skip)) return false;
  if (order.every > 1) __atomic_store_n(&order.skip, order.every - 1, __ATOMIC_RELAXED);
  if (!take_one(order.left)) return false;
  __atomic_fetch_add(&order.failed, 1, __ATOMIC_RELAXED);
  errno = error;
  return true;
}

template <typename Function>
Function* next(const char* name) {
  return reinterpret_cast<Function*>(::dlsym(RTLD_NEXT, name));
}

}  // namespace

extern "C" {

int accept4(int socket, sockaddr* address, socklen_t* size, int flags) {
  static const auto real = next<decltype(accept4)>("accept4");
  return fails(kAccept4) ? -1 : real(socket, address, size, flags);
}

int epoll_create1(int flags) noexcept {
  static const auto real = next<decltype(epoll_create1)>("epoll_create1");
  return fails(kEpollCreate) ? -1 : real(flags);
}

int epoll_ctl(int epoll, int operation, int descriptor, epoll_event* event) noexcept {
  static const auto real = next<decltype(epoll_ctl)>("epoll_ctl");
  return fails(kEpollCtl) ? -1 : real(epoll, operation, descriptor, event);
}

int eventfd(unsigned count, int flags) noexcept {
  static const auto real = next<decltype(eventfd)>("eventfd");
  return fails(kEventfd) ? -1 : real(count, flags);
}

int memfd_create(const char* name, unsigned flags) noexcept {
  static const auto real = next<decltype(memfd_create)>("memfd_create");
  return fails(kMemfd) ? -1 : real(name, flags);
}

int pipe2(int* ends, int flags) noexcept {
  static const auto real = next<decltype(pipe2)>("pipe2");
  return fails(kPipe2) ? -1 : real(ends, flags);
}

ssize_t recvmsg(int socket, msghdr* message, int flags) {
  static const auto real = next<decltype(recvmsg)>("recvmsg");
  return fails(kRecvmsg) ? -1 : real(socket, message, flags);
}

ssize_t sendmsg(int socket, const msghdr* message, int flags) {
  static const auto real = next<decltype(sendmsg)>("sendmsg");
  return fails(kSendmsg) ? -1 : real(socket, message, flags);
}

int socket(int domain, int type, int protocol) noexcept {
  static const auto real = next<decltype(socket)>("socket");
  return fails(kSocket) ? -1 : real(domain, type, protocol);
}

int socketpair(int domain, int type, int protocol, int* ends) noexcept {
  static const auto real = next<decltype(socketpair)>("socketpair");
  return fails(kSocketpair) ? -1 : real(domain, type, protocol, ends);
}

int pthread_create(pthread_t* thread, const pthread_attr_t* attributes, void* (*run)(void*),
                   void* argument) noexcept {
  static const auto real = next<decltype(pthread_create)>("pthread_create");
  return fails(kThread) ? errno : real(thread, attributes, run, argument);
}

/// The supervisor is built with 64-bit offsets.
int open64(const char* path, int flags, ...) {
  static const auto real = next<decltype(open64)>("open64");
  va_list rest;
  va_start(rest, flags);
  const mode_t mode = (flags & O_CREAT) != 0 ? va_arg(rest, mode_t) : 0;
  va_end(rest);
  return fails(kOpen) ? -1 : real(path, flags, mode);
}

/// Only where it makes a descriptor.
int fcntl64(int descriptor, int command, ...) {
  static const auto real = next<decltype(fcntl64)>("fcntl64");
  va_list rest;
  va_start(rest, command);
  void* argument = va_arg(rest, void*);
  va_end(rest);
  return command == F_DUPFD_CLOEXEC && fails(kFcntl) ? -1 : real(descriptor, command, argument);
}

long syscall(long number, ...) noexcept {
  static const auto real = next<decltype(syscall)>("syscall");
  va_list rest;
  va_start(rest, number);
  long arguments[6];
  for (long& argument : arguments) argument = va_arg(rest, long);
  va_end(rest);
  if ((number == SYS_clone3 || number == SYS_clone) && fails(kClone)) return -1;
  if (number == SYS_pidfd_open && fails(kPidfdOpen)) return -1;
  return real(number, arguments[0], arguments[1], arguments[2], arguments[3], arguments[4], arguments[5]);
}

}  // extern "C"
