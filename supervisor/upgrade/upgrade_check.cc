#include "supervisor/upgrade/upgrade_check.h"

#include <fcntl.h>
#include <fmt/core.h>
#include <spawn.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <csignal>
#include <cstring>
#include <utility>

#include "supervisor/loop/escape.h"
#include "supervisor/system/child_exit.h"

namespace prefork {
namespace {

/// The descriptors, signals and process group that the child starts with.
class SpawnPlan {
 public:
  SpawnPlan(int state, int output) {
    (void)::posix_spawn_file_actions_init(&files_);
    (void)::posix_spawn_file_actions_addopen(&files_, STDIN_FILENO, "/dev/null", O_RDONLY, 0);
    (void)::posix_spawn_file_actions_adddup2(&files_, output, STDOUT_FILENO);
    (void)::posix_spawn_file_actions_adddup2(&files_, output, STDERR_FILENO);
    (void)::posix_spawn_file_actions_adddup2(&files_, state, UpgradeCheck::kStateDescriptor);
    (void)::posix_spawnattr_init(&attributes_);
    sigset_t signals;
    sigemptyset(&signals);
    (void)::posix_spawnattr_setsigmask(&attributes_, &signals);
    sigfillset(&signals);
    (void)::posix_spawnattr_setsigdefault(&attributes_, &signals);
    // A group of its own: the processes that it starts are killed with it.
    (void)::posix_spawnattr_setpgroup(&attributes_, 0);
    (void)::posix_spawnattr_setflags(&attributes_,
                                     POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF | POSIX_SPAWN_SETPGROUP);
  }
  ~SpawnPlan() {
    (void)::posix_spawn_file_actions_destroy(&files_);
    (void)::posix_spawnattr_destroy(&attributes_);
  }
  SpawnPlan(const SpawnPlan&) = delete;
  SpawnPlan& operator=(const SpawnPlan&) = delete;

  /// 0, or an errno.
  [[nodiscard]] int run(const std::string& program, pid_t& pid) const {
    std::string name = program;
    std::string option = "--adopt-check";
    std::string descriptor = std::to_string(UpgradeCheck::kStateDescriptor);
    const std::array<char*, 4> argv = {name.data(), option.data(), descriptor.data(), nullptr};
    return ::posix_spawn(&pid, program.c_str(), &files_, &attributes_, argv.data(), environ);
  }

 private:
  posix_spawn_file_actions_t files_{};
  posix_spawnattr_t attributes_{};
};

/// A duplicate above the descriptor numbers that the child gets.
Fd move_up(const Fd& file) {
  return Fd(::fcntl(file.get(), F_DUPFD_CLOEXEC, UpgradeCheck::kStateDescriptor + 1));
}

}  // namespace

UpgradeCheck::UpgradeCheck(const Loop& loop, Owner& owner)
    : owner_(owner), answer_watcher_(loop), exit_watcher_(loop), look_timer_(loop), deadline_(loop) {}

UpgradeCheck::~UpgradeCheck() {
  if (running()) end_child();
}

Result<void> UpgradeCheck::start(const std::string& program, const Fd& state) {
  int ends[2];
  if (::pipe2(ends, O_CLOEXEC | O_NONBLOCK) < 0) return system_error("pipe");
  output_.reset(ends[0]);
  const Fd input(ends[1]);
  (void)::fcntl(input.get(), F_SETFL, 0);  // the child's end blocks: programs expect that
  const Fd child_state = move_up(state);
  const Fd child_output = move_up(input);
  if (!child_state.valid() || !child_output.valid()) return system_error("a descriptor for the new program");
  const int failure = SpawnPlan(child_state.get(), child_output.get()).run(program, pid_);
  if (failure != 0) {
    pid_ = 0;
    output_.reset();
    return system_error("start " + program, failure);
  }
  pidfd_.reset(static_cast<int>(::syscall(SYS_pidfd_open, pid_, 0)));
  late_ = false;
  answer_.clear();
  answer_watcher_.start(output_.get(), Callback::to<&UpgradeCheck::on_answer>(*this));
  if (pidfd_.valid()) {
    exit_watcher_.start(pidfd_.get(), Callback::to<&UpgradeCheck::on_exit>(*this));
  } else {
    look_for_exit();
  }
  deadline_.start(kPatience, Callback::to<&UpgradeCheck::on_deadline>(*this));
  return {};
}

void UpgradeCheck::end_child() const { (void)::kill(-pid_, SIGKILL); }

void UpgradeCheck::on_deadline() {
  late_ = true;
  end_child();
}

UpgradeCheck::Got UpgradeCheck::read_answer() {
  std::array<char, 1024> buffer;
  const ssize_t size = ::read(output_.get(), buffer.data(), buffer.size());
  if (size < 0) return errno == EINTR || errno == EAGAIN ? Got::kNothing : Got::kEnd;
  if (size == 0) return Got::kEnd;
  answer_.append(buffer.data(), static_cast<std::size_t>(size));
  // Only the last line is read.
  if (answer_.size() > kMaxAnswer) answer_.erase(0, answer_.size() - kMaxAnswer);
  return Got::kSome;
}

void UpgradeCheck::on_answer() {
  if (read_answer() == Got::kEnd) answer_watcher_.stop();
}

void UpgradeCheck::look_for_exit() {
  if (!is_unfinished_child(pid_)) return on_exit();
  look_timer_.start(kLook, Callback::to<&UpgradeCheck::look_for_exit>(*this));
}

void UpgradeCheck::on_exit() {
  if (is_unfinished_child(pid_)) return exit_watcher_.pause();
  // Its last output may not have been read yet. The bound is for a process that it has started and that
  // writes without end.
  for (int i = 0; i < 64 && read_answer() == Got::kSome; ++i) {
  }
  end_child();  // kills what it has left behind in its group
  int status = 0;
  (void)::waitpid(std::exchange(pid_, 0), &status, 0);
  answer_watcher_.stop();
  exit_watcher_.stop();
  look_timer_.stop();
  deadline_.stop();
  output_.reset();
  pidfd_.reset();
  const std::string why = judge(status);
  if (!why.empty()) return owner_.upgrade_refused(why);
  owner_.upgrade_proven(escape_to_ascii(last_line().substr(kYes.size())));
}

std::string UpgradeCheck::last_line() const {
  const std::size_t end = answer_.find_last_not_of('\n');
  if (end == std::string::npos) return "";
  const std::size_t before = answer_.rfind('\n', end);
  const std::size_t begin = before == std::string::npos ? 0 : before + 1;
  return answer_.substr(begin, end + 1 - begin);
}

std::string UpgradeCheck::judge(int status) const {
  if (late_) {
    return fmt::format("the new program has not answered within {} s",
                       std::chrono::duration_cast<std::chrono::seconds>(kPatience).count());
  }
  const std::string said = last_line();
  if (WIFEXITED(status) && WEXITSTATUS(status) == 0 && said.starts_with(kYes)) return "";
  std::string why = WIFEXITED(status)
                        ? fmt::format("the new program exited with status {}", WEXITSTATUS(status))
                        : fmt::format("the new program was killed by signal {}", WTERMSIG(status));
  return why + (said.empty() ? " and said nothing" : ": " + escape_to_ascii(said));
}

}  // namespace prefork
