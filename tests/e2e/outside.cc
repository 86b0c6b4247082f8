#include "tests/e2e/outside.h"

#include <doctest/doctest.h>
#include <linux/sockios.h>
#include <netinet/in.h>
#include <sys/ioctl.h>
#include <sys/ptrace.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <csignal>
#include <optional>
#include <utility>

#include "tests/support/process_list.h"

namespace prefork::test {
namespace {

Fd copy_of(const Fd& process, int number) {
  return Fd(static_cast<int>(::syscall(SYS_pidfd_getfd, process.get(), number, 0)));
}

Fd process_of(pid_t pid) { return Fd(static_cast<int>(::syscall(SYS_pidfd_open, pid, 0))); }

std::optional<int> option_of(const Fd& socket, int option) {
  int value = 0;
  socklen_t size = sizeof(value);
  if (::getsockopt(socket.get(), SOL_SOCKET, option, &value, &size) != 0) return std::nullopt;
  return value;
}

/// The first of its descriptors for which `is_it` holds; invalid if there is none.
template <typename Condition>
Fd first_of(pid_t pid, Condition is_it) {
  const Fd process = process_of(pid);
  for (const int number : descriptor_numbers_of(pid)) {
    Fd copy = copy_of(process, number);
    if (copy.valid() && is_it(copy)) return copy;
  }
  return Fd();
}

/// The addresses of a TCP socket over IPv4: its own port, or that of the other end.
int port_of(int socket, int (*name_of)(int, sockaddr*, socklen_t*)) {
  sockaddr_in address{};
  socklen_t size = sizeof(address);
  if (name_of(socket, reinterpret_cast<sockaddr*>(&address), &size) != 0) return -1;
  return address.sin_family == AF_INET ? ntohs(address.sin_port) : -1;
}

}  // namespace

bool without_tracing() {
  const pid_t child = ::fork();
  if (child == 0) {
    for (;;) ::pause();
  }
  const bool may = copy_of(process_of(child), STDERR_FILENO).valid() &&
                   ::ptrace(PTRACE_SEIZE, child, nullptr, nullptr) == 0;
  (void)::kill(child, SIGKILL);
  (void)::waitpid(child, nullptr, __WALL);
  if (!may) MESSAGE("skipped: this process may not trace others");
  return !may;
}

Frozen::Frozen(pid_t pid) : pid_(pid) {
  std::promise<bool> promise;
  std::future<bool> stands_still = promise.get_future();
  tracer_ = std::thread(&Frozen::trace, this, std::move(promise));
  const bool frozen = stands_still.get();
  CHECK(frozen);
}

Frozen::~Frozen() {
  (void)::kill(pid_, SIGKILL);
  tracer_.join();
}

void Frozen::trace(std::promise<bool> stands_still) const {
  int status = 0;
  const bool traced = ::ptrace(PTRACE_SEIZE, pid_, nullptr, nullptr) == 0 &&
                      ::ptrace(PTRACE_INTERRUPT, pid_, nullptr, nullptr) == 0 &&
                      ::waitpid(pid_, &status, __WALL) == pid_ && WIFSTOPPED(status);
  stands_still.set_value(traced);
  // Its parent hears of its death when this has.
  while (traced && ::waitpid(pid_, &status, __WALL) == pid_ && WIFSTOPPED(status)) {
  }
}

Fd channel_of(pid_t pid) {
  return first_of(pid, [](const Fd& copy) {
    sockaddr_un peer{};
    socklen_t size = sizeof(peer);
    return option_of(copy, SO_DOMAIN) == AF_UNIX &&
           ::getpeername(copy.get(), reinterpret_cast<sockaddr*>(&peer), &size) == 0;
  });
}

Fd socket_to(pid_t pid, int client) {
  const int port = port_of(client, &::getsockname);
  return first_of(pid, [port](const Fd& copy) { return port_of(copy.get(), &::getpeername) == port; });
}

int unread_of(const Fd& socket) {
  int size = -1;
  REQUIRE(::ioctl(socket.get(), SIOCOUTQ, &size) == 0);
  return size;
}

}  // namespace prefork::test
