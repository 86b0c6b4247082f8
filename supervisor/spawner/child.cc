#include "supervisor/spawner/child.h"

#include <fcntl.h>
#include <linux/capability.h>
#include <linux/keyctl.h>
#include <sched.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <csignal>
#include <cstdint>
#include <ctime>

#include "proto/birth_time.h"
#include "proto/descriptors_from.h"
#include "proto/record.h"
#include "supervisor/spawner/launch.h"
#include "worker/notify/start.h"

namespace prefork {
namespace {

/// Something is otherwise than was wanted, such as a default that cannot be had here: the supervisor is told,
/// and the start goes on. The supervisor needs to hear it once, so it does not matter when there is no room
/// for this one.
void go_without(const ChildPlan& plan, int report, LaunchStep step, int error) {
  LaunchReply reply;
  reply.key = plan.key;
  reply.step = step;
  reply.error = error;
  reply.went_on = true;
  (void)::send(report, &reply, sizeof(reply), MSG_NOSIGNAL | MSG_DONTWAIT);
}

[[noreturn]] void fail(const ChildPlan& plan, int report, LaunchStep step, int error,
                       std::size_t detail = 0) {
  LaunchReply reply;
  reply.key = plan.key;
  reply.step = step;
  reply.error = error;
  reply.detail = static_cast<std::int32_t>(detail);
  // A failure to report a failure cannot be reported; the exit status tells that something was wrong.
  (void)::send(report, &reply, sizeof(reply), MSG_NOSIGNAL);
  ::_exit(127);
}

void reset_signals() {
  struct sigaction standard {};
  standard.sa_handler = SIG_DFL;
  for (int number = 1; number < NSIG; ++number)
    (void)::sigaction(number, &standard, nullptr);  // fails for KILL and STOP
  sigset_t none;
  sigemptyset(&none);
  (void)::sigprocmask(SIG_SETMASK, &none, nullptr);
}

/// 0 is /dev/null, 1 and 2 the output, 3 the channel, and nothing else survives the exec. A classic worker
/// has the channel at 0. False: see errno.
bool set_descriptors(const ChildPlan& plan) {
  const bool classic = plan.launch->wire == Wire::kClassic;
  const int null = ::open("/dev/null", O_RDONLY | O_CLOEXEC);
  if (null < 0 || ::dup2(classic ? plan.channel : null, STDIN_FILENO) < 0) return false;
  if (plan.output >= 0) {
    if (::dup2(plan.output, STDOUT_FILENO) < 0 || ::dup2(plan.output, STDERR_FILENO) < 0) return false;
  }
  if (classic) {
    set_close_on_exec_from(kChannelDescriptor);
    return true;
  }
  if (plan.channel == kChannelDescriptor) {
    if (::fcntl(plan.channel, F_SETFD, 0) < 0) return false;
  } else if (::dup2(plan.channel, kChannelDescriptor) < 0) {
    return false;
  }
  // Our descriptors are close-on-exec already; a library may have opened others.
  set_close_on_exec_from(kChannelDescriptor + 1);
  return true;
}

/// False: see errno.
bool set_oom_score(std::int32_t score) {
  // By hand: library functions that format numbers may take locks.
  std::array<char, 8> text{};
  char* begin = text.end();
  std::uint32_t rest = static_cast<std::uint32_t>(score < 0 ? -score : score);
  do {
    *--begin = static_cast<char>('0' + rest % 10);
    rest /= 10;
  } while (rest > 0);
  if (score < 0) *--begin = '-';
  // The spawner inherits PR_SET_DUMPABLE 0 from a supervisor that has hidden itself. With it this process
  // could not open its own file.
  (void)::prctl(PR_SET_DUMPABLE, 1);
  const int file = ::open("/proc/self/oom_score_adj", O_WRONLY | O_CLOEXEC);
  return file >= 0 && ::write(file, begin, static_cast<std::size_t>(text.end() - begin)) > 0;
}

/// Sets the process's attributes in the kernel, while it still has the rights to do so: set_identity() gives
/// them up.
void set_attributes(const ChildPlan& plan, int report) {
  const Launch& launch = *plan.launch;
  if (launch.oom_score_adj && !set_oom_score(*launch.oom_score_adj)) {
    if (!launch.oom_score_is_default) fail(plan, report, LaunchStep::kOomScore, errno);
    go_without(plan, report, LaunchStep::kOomScore, errno);
  }
  if (launch.nice && ::setpriority(PRIO_PROCESS, 0, *launch.nice) < 0)
    fail(plan, report, LaunchStep::kNice, errno);
  const sched_param no_priority{};
  if (launch.batch && ::sched_setscheduler(0, SCHED_BATCH, &no_priority) < 0) {
    if (!launch.batch_is_default) fail(plan, report, LaunchStep::kScheduling, errno);
    go_without(plan, report, LaunchStep::kScheduling, errno);
  }
  if (launch.umask) (void)::umask(*launch.umask);
  if (!set_descriptors(plan)) fail(plan, report, LaunchStep::kDescriptors, errno);
  // Last: a limit may be too low for the steps above.
  for (std::size_t i = 0; i < launch.limits.size(); ++i) {
    const rlimit limit{.rlim_cur = launch.limits[i].soft, .rlim_max = launch.limits[i].hard};
    if (::setrlimit(static_cast<__rlimit_resource>(launch.limits[i].resource), &limit) < 0)
      fail(plan, report, LaunchStep::kLimit, errno, i);
  }
}

/// False: see errno. Kernels without keys, containers and used-up quotas refuse it.
bool leave_session_keyring() { return ::syscall(SYS_keyctl, KEYCTL_JOIN_SESSION_KEYRING, nullptr) >= 0; }

/// Becomes another user, irrevocably.
void change_user(const ChildPlan& plan, const LaunchIdentity& wanted, int report) {
  // A session keyring survives a change of user, and any process that has it may read the keys in it: those
  // of the supervisor, often root's. The new one is made before the change, because root's quota is larger;
  // if that fails, by the user itself; a worker without keys of its own is better than none.
  const bool left = leave_session_keyring();
  // The bare system calls: glibc's wrappers would signal threads, which this process does not have.
  if (::syscall(SYS_setgroups, wanted.groups.size(), wanted.groups.data()) < 0)
    fail(plan, report, LaunchStep::kGroups, errno);
  if (::syscall(SYS_setresgid, wanted.gid, wanted.gid, wanted.gid) < 0)
    fail(plan, report, LaunchStep::kGroup, errno);
  if (::syscall(SYS_setresuid, wanted.uid, wanted.uid, wanted.uid) < 0)
    fail(plan, report, LaunchStep::kUser, errno);
  if (!left) (void)leave_session_keyring();
  // A change from root has dropped the capabilities; a change from a user that has root's capabilities has
  // not.
  __user_cap_header_struct header{.version = _LINUX_CAPABILITY_VERSION_3, .pid = 0};
  const std::array<__user_cap_data_struct, _LINUX_CAPABILITY_U32S_3> none{};
  if (::syscall(SYS_capset, &header, none.data()) < 0) fail(plan, report, LaunchStep::kUser, errno);
  if (::geteuid() != wanted.uid || ::syscall(SYS_setuid, 0) == 0)
    fail(plan, report, LaunchStep::kUser, EPERM);
}

void set_identity(const ChildPlan& plan, int report) {
  const std::optional<LaunchIdentity>& wanted = plan.launch->identity;
  const bool other = wanted && (wanted->uid != ::geteuid() || wanted->gid != ::getegid());
  if (other) change_user(plan, *wanted, report);
  // Ambient capabilities that a service manager has given the supervisor are not for workers. An old kernel
  // has none.
  (void)::prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0);
  if (::prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0) fail(plan, report, LaunchStep::kNoNewPrivileges, errno);
}

/// A directory that is gone was that of an older release; the configured path may lead to the next one. Tells
/// when it is not the pinned directory.
void enter_directory(const ChildPlan& plan, int report) {
  const Launch& launch = *plan.launch;
  const LaunchPin& pin = launch.pin;
  const bool entered = !pin.directory.empty() && ::chdir(pin.directory.c_str()) == 0;
  if (!entered && !launch.directory.empty() && ::chdir(launch.directory.c_str()) < 0)
    fail(plan, report, LaunchStep::kDirectory, errno);
  struct stat found {};
  if (pin.directory_inode == 0 || ::stat(".", &found) < 0) return;
  const std::int64_t born = pin.directory_born == 0 ? 0 : birth_time(".");
  if (found.st_dev != pin.directory_device || found.st_ino != pin.directory_inode ||
      (born != 0 && born != pin.directory_born))
    go_without(plan, report, LaunchStep::kOtherDirectory, 0);
}

/// The pinned path, or if that is gone the configured one. Tells when it is not the pinned file.
const char* choose_program(const ChildPlan& plan, int report) {
  const Launch& launch = *plan.launch;
  const LaunchPin& pin = launch.pin;
  const char* path = pin.executable.c_str();
  struct stat found {};
  if (pin.executable.empty()) return launch.executable.c_str();
  if (::stat(path, &found) < 0) {
    path = launch.executable.c_str();
    if (::stat(path, &found) < 0) return path;  // the exec fails, too, and says why
  }
  const bool same =
      found.st_dev == pin.device && found.st_ino == pin.inode &&
      static_cast<std::uint64_t>(found.st_size) == pin.size &&
      std::int64_t{found.st_mtim.tv_sec} * 1'000'000'000 + found.st_mtim.tv_nsec == pin.modified;
  if (!same) go_without(plan, report, LaunchStep::kOtherFile, 0);
  return path;
}

}  // namespace

void become_worker(const ChildPlan& plan) {
  reset_signals();
  // Above descriptor 3, which becomes the channel.
  const int report = ::fcntl(plan.report, F_DUPFD_CLOEXEC, kChannelDescriptor + 1);
  if (report < 0) ::_exit(127);
  // A session of its own: a terminal's Ctrl-C is for the supervisor, which stops its workers in order.
  if (::setsid() < 0) fail(plan, report, LaunchStep::kSession, errno);
  set_attributes(plan, report);
  set_identity(plan, report);
  // After set_identity(): the user needs permission to enter the directory.
  enter_directory(plan, report);
  const char* program = choose_program(plan, report);
  // After everything else: the notifier must not get calls of this process but those of the program.
  if (plan.launch->notified) {
    const int error = notify::start_notifier(kChannelDescriptor, plan.environment);
    if (error != 0) fail(plan, report, LaunchStep::kNotifier, error);
  }
  // ETXTBSY: the program's file is being written. Tries again for a tenth of a second.
  for (int attempt = 0; attempt < 10; ++attempt) {
    (void)::execve(program, plan.argv, plan.environment);
    if (errno != ETXTBSY) break;
    const timespec pause{.tv_sec = 0, .tv_nsec = 10'000'000};
    (void)::nanosleep(&pause, nullptr);
    errno = ETXTBSY;
  }
  fail(plan, report, LaunchStep::kExec, errno);
}

}  // namespace prefork
