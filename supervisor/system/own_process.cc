#include "supervisor/system/own_process.h"

#include <fcntl.h>
#include <sys/file.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <climits>
#include <csignal>
#include <fstream>

namespace prefork {
void normalize_process() {
  // First: a socket that became descriptor 2 would receive what a library prints there.
  int descriptor = 0;
  do {
    descriptor = ::open("/dev/null", O_RDWR);
  } while (descriptor >= 0 && descriptor <= STDERR_FILENO);
  if (descriptor >= 0) (void)::close(descriptor);

  struct sigaction standard {};
  standard.sa_handler = SIG_DFL;
  for (int number = 1; number < NSIG; ++number)
    (void)::sigaction(number, &standard, nullptr);  // not for KILL, STOP
  standard.sa_handler = SIG_IGN;
  (void)::sigaction(SIGPIPE, &standard, nullptr);

  // Forked workers become our children when what forked them exits. Without it (never seen) they go to init.
  (void)::prctl(PR_SET_CHILD_SUBREAPER, 1);
}

void block_signals() {
  sigset_t all;
  sigfillset(&all);
  (void)::sigprocmask(SIG_SETMASK, &all, nullptr);
}

void unblock_signals() {
  sigset_t none;
  sigemptyset(&none);
  (void)::sigprocmask(SIG_SETMASK, &none, nullptr);
}

rlimit raise_descriptor_limit() {
  rlimit original{};
  (void)::getrlimit(RLIMIT_NOFILE, &original);
  rlimit raised = original;
  raised.rlim_cur = raised.rlim_max;
  (void)::setrlimit(RLIMIT_NOFILE, &raised);
  return original;
}

std::size_t descriptor_limit() {
  rlimit limit{};
  (void)::getrlimit(RLIMIT_NOFILE, &limit);
  return limit.rlim_cur;
}

Result<Fd> lock_config(const std::string& file) {
  Fd lock(::open(file.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK));
  if (!lock.valid()) return system_error(file);
  if (::flock(lock.get(), LOCK_EX | LOCK_NB) == 0) return lock;
  if (errno == EWOULDBLOCK) return Error{file + ": another supervisor runs with this configuration"};
  return system_error(file + ": lock");
}

bool locks(const Fd& lock, const std::string& file) {
  struct stat locked {};
  struct stat named {};
  return ::fstat(lock.get(), &locked) == 0 && ::stat(file.c_str(), &named) == 0 &&
         locked.st_dev == named.st_dev && locked.st_ino == named.st_ino;
}

std::optional<int> default_oom_score_adj() {
  constexpr int kMore = 200;
  constexpr int kMost = 1000;
  std::ifstream file("/proc/self/oom_score_adj");
  int own = 0;
  if (!(file >> own)) return std::nullopt;
  return std::min(own + kMore, kMost);
}

std::string own_directory() {
  std::array<char, PATH_MAX> path{};
  const ssize_t size = ::readlink("/proc/self/exe", path.data(), path.size());
  if (size <= 0) return "";
  const std::string program(path.data(), static_cast<std::size_t>(size));
  return program.substr(0, program.rfind('/'));
}

}  // namespace prefork
