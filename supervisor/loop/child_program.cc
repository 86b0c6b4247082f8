#include "supervisor/loop/child_program.h"

#include <fcntl.h>
#include <fmt/core.h>
#include <spawn.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <csignal>
#include <utility>

#include "supervisor/system/child_exit.h"

namespace prefork {
namespace {

constexpr int kFirstFile = STDERR_FILENO + 1;

/// The descriptors, signals and process group that the child starts with.
class SpawnPlan {
 public:
  SpawnPlan(int output, const std::vector<Fd>& files) {
    (void)::posix_spawn_file_actions_init(&files_);
    (void)::posix_spawn_file_actions_addopen(&files_, STDIN_FILENO, "/dev/null", O_RDONLY, 0);
    (void)::posix_spawn_file_actions_adddup2(&files_, output, STDOUT_FILENO);
    (void)::posix_spawn_file_actions_adddup2(&files_, output, STDERR_FILENO);
    int number = kFirstFile;
    for (const Fd& file : files) (void)::posix_spawn_file_actions_adddup2(&files_, file.get(), number++);
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
  [[nodiscard]] int run(const std::string& program, std::vector<std::string> arguments, pid_t& pid) const {
    std::string name = program;
    std::vector<char*> argv{name.data()};
    for (std::string& argument : arguments) argv.push_back(argument.data());
    argv.push_back(nullptr);
    return ::posix_spawn(&pid, program.c_str(), &files_, &attributes_, argv.data(), environ);
  }

 private:
  posix_spawn_file_actions_t files_{};
  posix_spawnattr_t attributes_{};
};

/// Duplicates above the descriptor numbers that the child gets.
Result<std::vector<Fd>> move_up(const std::vector<const Fd*>& files) {
  const int first = kFirstFile + static_cast<int>(files.size());
  std::vector<Fd> moved;
  for (const Fd* file : files) {
    moved.emplace_back(::fcntl(file->get(), F_DUPFD_CLOEXEC, first));
    if (!moved.back().valid()) return system_error("a descriptor for a child");
  }
  return moved;
}

}  // namespace

bool ChildProgram::Outcome::succeeded() const {
  return !late && WIFEXITED(status) && WEXITSTATUS(status) == 0;
}

std::string ChildProgram::Outcome::end_in_words() const {
  return WIFEXITED(status) ? fmt::format("exited with status {}", WEXITSTATUS(status))
                           : fmt::format("was killed by signal {}", WTERMSIG(status));
}

std::string ChildProgram::Outcome::last_line() const {
  const std::size_t end = output.find_last_not_of('\n');
  if (end == std::string::npos) return "";
  const std::size_t before = output.rfind('\n', end);
  const std::size_t begin = before == std::string::npos ? 0 : before + 1;
  return output.substr(begin, end + 1 - begin);
}

ChildProgram::ChildProgram(const Loop& loop, Owner& owner)
    : owner_(owner), output_watcher_(loop), exit_watcher_(loop), look_timer_(loop), deadline_(loop) {}

Result<void> ChildProgram::start(const Command& command) {
  int ends[2];
  if (::pipe2(ends, O_CLOEXEC | O_NONBLOCK) < 0) return system_error("pipe");
  Fd output(ends[0]);
  const Fd input(ends[1]);
  (void)::fcntl(input.get(), F_SETFL, 0);  // the child's end blocks: programs expect that
  auto files = move_up(command.files);
  if (!files) return files.error();
  const auto child_output = move_up({&input});
  if (!child_output) return child_output.error();
  const SpawnPlan plan(child_output.value().front().get(), files.value());
  const int failure = plan.run(command.program, command.arguments, pid_);
  if (failure != 0) {
    pid_ = 0;
    return system_error("start " + command.program, failure);
  }
  output_end_ = std::move(output);
  watch(command);
  return {};
}

void ChildProgram::watch(const Command& command) {
  pidfd_.reset(static_cast<int>(::syscall(SYS_pidfd_open, pid_, 0)));
  late_ = false;
  output_.clear();
  output_watcher_.start(output_end_.get(), Callback::to<&ChildProgram::on_output>(*this));
  if (pidfd_.valid()) {
    exit_watcher_.start(pidfd_.get(), Callback::to<&ChildProgram::on_exit>(*this));
  } else {
    look_for_exit();
  }
  deadline_.start(command.patience, Callback::to<&ChildProgram::on_deadline>(*this));
}

void ChildProgram::kill_group() const { (void)::kill(-pid_, SIGKILL); }

void ChildProgram::abandon() {
  if (!running()) return;
  kill_group();
  forget();
}

void ChildProgram::on_deadline() {
  late_ = true;
  kill_group();
  deadline_.start(kGrace, Callback::to<&ChildProgram::on_grace_over>(*this));
}

void ChildProgram::on_grace_over() { end(0); }

ChildProgram::Got ChildProgram::read_output() {
  std::array<char, 1024> buffer;
  const ssize_t size = ::read(output_end_.get(), buffer.data(), buffer.size());
  if (size < 0) return errno == EINTR || errno == EAGAIN ? Got::kNothing : Got::kEnd;
  if (size == 0) return Got::kEnd;
  output_.append(buffer.data(), static_cast<std::size_t>(size));
  if (output_.size() > kMaxOutput) output_.erase(0, output_.size() - kMaxOutput);
  return Got::kSome;
}

void ChildProgram::on_output() {
  if (read_output() == Got::kEnd) output_watcher_.stop();
}

void ChildProgram::look_for_exit() {
  if (!is_unfinished_child(pid_)) return on_exit();
  look_timer_.start(kLook, Callback::to<&ChildProgram::look_for_exit>(*this));
}

void ChildProgram::on_exit() {
  if (is_unfinished_child(pid_)) return exit_watcher_.pause();
  // Its last output may not have been read yet. The bound is for a process that it has started and that
  // writes without end.
  for (int i = 0; i < 64 && read_output() == Got::kSome; ++i) {
  }
  kill_group();  // what it has left behind in its group
  int status = 0;
  (void)::waitpid(pid_, &status, 0);
  // After a standstill of this process its deadline comes together with an end that was in time.
  late_ = late_ && WIFSIGNALED(status);
  end(status);
}

void ChildProgram::end(int status) {
  const Outcome outcome{late_, status, std::exchange(output_, {})};
  forget();
  owner_.child_ended(outcome);
}

void ChildProgram::forget() {
  pid_ = 0;
  output_watcher_.stop();
  exit_watcher_.stop();
  look_timer_.stop();
  deadline_.stop();
  output_end_.reset();
  pidfd_.reset();
}

}  // namespace prefork
