#include "supervisor/spawner/child.h"

#include <fcntl.h>
#include <linux/close_range.h>
#include <sched.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cerrno>
#include <csignal>
#include <ctime>

#include "proto/record.h"
#include "supervisor/spawner/launch.h"

namespace prefork {
namespace {

[[noreturn]] void fail(const ChildPlan& plan, int report, LaunchStep step, int error) {
  LaunchReply reply;
  reply.key = plan.key;
  reply.step = step;
  reply.error = error;
  // Nobody is left to hear of a failure to report a failure; the exit status says that something was wrong.
  (void)::send(report, &reply, sizeof(reply), MSG_NOSIGNAL);
  ::_exit(127);
}

void reset_signals() {
  struct sigaction standard {};
  standard.sa_handler = SIG_DFL;
  for (int number = 1; number < NSIG; ++number)
    (void)::sigaction(number, &standard, nullptr);  // not for KILL, STOP
  sigset_t none;
  sigemptyset(&none);
  (void)::sigprocmask(SIG_SETMASK, &none, nullptr);
}

/// 0 is /dev/null, 3 the channel, 1 and 2 stay, and nothing else survives the exec. False: see errno.
bool set_descriptors(int channel) {
  const int null = ::open("/dev/null", O_RDONLY | O_CLOEXEC);
  if (null < 0 || ::dup2(null, STDIN_FILENO) < 0) return false;
  if (channel == kChannelDescriptor) {
    if (::fcntl(channel, F_SETFD, 0) < 0) return false;
  } else if (::dup2(channel, kChannelDescriptor) < 0) {
    return false;
  }
  // Everything here is born close-on-exec; this holds even for what a library may have opened otherwise.
  return ::close_range(kChannelDescriptor + 1, ~0U, CLOSE_RANGE_CLOEXEC) == 0 || errno == ENOSYS ||
         errno == EINVAL;
}

}  // namespace

void become_worker(const ChildPlan& plan) {
  reset_signals();
  // Out of the way of descriptor 3.
  const int report = ::fcntl(plan.report, F_DUPFD_CLOEXEC, kChannelDescriptor + 1);
  if (report < 0) ::_exit(127);
  // A session of its own: a terminal's Ctrl-C is for the supervisor, which stops its workers in order.
  if (::setsid() < 0) fail(plan, report, LaunchStep::kSession, errno);
  const sched_param no_priority{};
  if (plan.batch && ::sched_setscheduler(0, SCHED_BATCH, &no_priority) < 0)
    fail(plan, report, LaunchStep::kScheduling, errno);
  if (plan.directory != nullptr && ::chdir(plan.directory) < 0)
    fail(plan, report, LaunchStep::kDirectory, errno);
  if (!set_descriptors(plan.channel)) fail(plan, report, LaunchStep::kDescriptors, errno);
  // A program that is being written at this moment (ETXTBSY) is given a little time.
  for (int attempt = 0; attempt < 10; ++attempt) {
    (void)::execve(plan.executable, plan.argv, plan.environment);
    if (errno != ETXTBSY) break;
    const timespec pause{.tv_sec = 0, .tv_nsec = 10'000'000};
    (void)::nanosleep(&pause, nullptr);
    errno = ETXTBSY;
  }
  fail(plan, report, LaunchStep::kExec, errno);
}

}  // namespace prefork
