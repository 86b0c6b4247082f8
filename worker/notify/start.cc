#include "worker/notify/start.h"

#include <fcntl.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <csignal>
#include <cstddef>
#include <cstring>
#include <span>
#include <utility>

#include "proto/channel.h"
#include "proto/descriptors_from.h"
#include "proto/fd.h"
#include "proto/passing.h"
#include "worker/accept/environment.h"
#include "worker/notify/calls.h"
#include "worker/notify/filter.h"
#include "worker/notify/notifier.h"
#include "worker/notify/numbers.h"

namespace prefork::notify {
namespace {

char* const* given_environment = nullptr;

const char* variable(const char* name) {
  const std::size_t length = std::strlen(name);
  for (char* const* entry = given_environment; *entry != nullptr; ++entry) {
    if (std::strncmp(*entry, name, length) == 0 && (*entry)[length] == '=') return *entry + length + 1;
  }
  return nullptr;
}

/// Signals that the program sends to its process group are not for the notifier.
void become_notifier() {
  sigset_t all;
  sigfillset(&all);
  (void)::sigprocmask(SIG_SETMASK, &all, nullptr);
  (void)::prctl(PR_SET_NAME, "notifier");
  // The memory of the process that starts workers is not for the program's eyes.
  (void)::prctl(PR_SET_DUMPABLE, 0);
}

[[noreturn]] void run_notifier(int channel, int reports_from, const NumberRange& numbers) {
  become_notifier();
  const pid_t program = ::getppid();
  const int moved_channel = ::dup3(channel, STDIN_FILENO, O_CLOEXEC);
  const int moved_reports = ::dup3(reports_from, STDOUT_FILENO, O_CLOEXEC);
  if (moved_channel < 0 || moved_reports < 0) ::_exit(1);
  close_descriptors_from(STDERR_FILENO + 1);
  std::array<std::byte, 1> byte{};
  Passed passed = receive_passing(moved_reports, byte, 0);
  if (!passed.descriptor.valid()) ::_exit(1);
  accept::Settings settings;
  accept::read_settings(variable, settings);
  Notifier notifier(settings, Channel(Fd(moved_channel)), Calls(std::move(passed.descriptor)), program,
                    numbers);
  notifier.run();
  ::_exit(0);
}

/// The numbers of the program's connections.
NumberRange numbers_for(char* const* environment) {
  given_environment = environment;
  rlimit limit{};
  if (::getrlimit(RLIMIT_NOFILE, &limit) < 0) return {};
  accept::Settings settings;
  accept::read_settings(variable, settings);
  return choose_numbers(limit.rlim_cur, settings.slots);
}

}  // namespace

int start_notifier(int channel, char* const* environment) {
  const NumberRange numbers = numbers_for(environment);
  if (numbers.count == 0) return EMFILE;
  int ends[2];
  if (::socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends) < 0) return errno;
  const Fd mine(ends[0]);
  const Fd theirs(ends[1]);
  // Without a signal at its end: it is a child that the program's wait() does not see.
  const auto notifier = static_cast<pid_t>(::syscall(SYS_clone, 0, nullptr, nullptr, nullptr, 0));
  if (notifier < 0) return errno;
  if (notifier == 0) run_notifier(channel, theirs.get(), numbers);
  // Where Yama restricts debuggers the notifier could not read the addresses that the program binds.
  (void)::prctl(PR_SET_PTRACER, notifier);
  const Fd reports = install_filter(numbers);
  if (!reports.valid()) return errno;
  const std::array<std::byte, 1> byte{};
  if (send_passing(mine.get(), byte, reports.get(), 0) < 0) return errno;
  (void)::close(channel);
  return 0;
}

}  // namespace prefork::notify
