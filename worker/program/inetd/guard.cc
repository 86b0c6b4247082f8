#include "worker/program/inetd/guard.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <csignal>
#include <memory>
#include <utility>

#include "proto/descriptors_from.h"

namespace prefork::worker {
namespace {

[[noreturn]] void watch_over(std::span<std::atomic<pid_t>> groups, int worker_lives) {
  (void)::prctl(PR_SET_NAME, "inetd-guard");
  (void)::setpgid(0, 0);  // a signal to the group of the worker is not for the guard
  (void)::dup2(worker_lives, STDIN_FILENO);
  close_descriptors_from(STDOUT_FILENO);
  char byte = 0;
  while (::read(STDIN_FILENO, &byte, 1) < 0 && errno == EINTR) {
  }
  for (const std::atomic<pid_t>& group : groups) {
    if (const pid_t leader = group.load(); leader > 0) (void)::kill(-leader, SIGKILL);
  }
  ::_exit(0);
}

}  // namespace

Result<Guard> Guard::start(std::size_t capacity) {
  void* shared = ::mmap(nullptr, capacity * sizeof(std::atomic<pid_t>), PROT_READ | PROT_WRITE,
                        MAP_SHARED | MAP_ANONYMOUS, -1, 0);
  if (shared == MAP_FAILED) return system_error("mmap");
  Guard guard(Groups(static_cast<std::atomic<pid_t>*>(shared), capacity));
  std::uninitialized_value_construct(guard.groups_.begin(), guard.groups_.end());
  if (auto started = guard.restart(); !started) return started.error();
  return guard;
}

Guard::Guard(Guard&& other) noexcept
    : groups_(std::exchange(other.groups_, {})),
      alive_(std::move(other.alive_)),
      pid_(std::exchange(other.pid_, -1)) {}

Guard::~Guard() {
  alive_.reset();
  if (pid_ > 0) {
    while (::waitpid(pid_, nullptr, 0) < 0 && errno == EINTR) {
    }
  }
  if (!groups_.empty()) (void)::munmap(groups_.data(), groups_.size_bytes());
}

Result<void> Guard::restart() {
  int ends[2];
  if (::pipe2(ends, O_CLOEXEC) < 0) return system_error("pipe");
  const Fd read_end(ends[0]);
  alive_.reset(ends[1]);
  pid_ = ::fork();
  if (pid_ < 0) return system_error("fork");
  if (pid_ == 0) {
    alive_.reset();
    watch_over(groups_, read_end.get());
  }
  return {};
}

void Guard::add(pid_t group) {
  const auto free = std::find_if(groups_.begin(), groups_.end(), [](const auto& one) { return one == 0; });
  if (free != groups_.end()) free->store(group);
}

void Guard::remove(pid_t group) {
  for (std::atomic<pid_t>& one : groups_) {
    if (one == group) one.store(0);
  }
}

}  // namespace prefork::worker
