#include "tests/worker/process.h"

#include <doctest/doctest.h>
#include <fcntl.h>
#include <poll.h>
#include <spawn.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <csignal>
#include <cstdlib>
#include <utility>

namespace prefork::test {
namespace {

std::pair<Fd, Fd> make_pipe() {
  int ends[2];
  REQUIRE(::pipe2(ends, O_CLOEXEC) == 0);
  return {Fd(ends[0]), Fd(ends[1])};
}

std::vector<char*> pointers(const std::vector<std::string>& strings) {
  std::vector<char*> result;
  result.reserve(strings.size() + 1);
  for (const std::string& string : strings) result.push_back(const_cast<char*>(string.c_str()));
  result.push_back(nullptr);
  return result;
}

}  // namespace

void await_readable(int descriptor) {
  pollfd state{.fd = descriptor, .events = POLLIN, .revents = 0};
  constexpr auto kTimeout = std::chrono::milliseconds(kDeadline).count();
  REQUIRE_MESSAGE(::poll(&state, 1, static_cast<int>(kTimeout)) == 1, "nothing came before the deadline");
}

std::string read_until(int descriptor, const std::string& ending) {
  std::string text;
  std::array<char, 4096> buffer;
  while (ending.empty() || text.find(ending) == std::string::npos) {
    await_readable(descriptor);
    const ssize_t size = ::read(descriptor, buffer.data(), buffer.size());
    if (size <= 0) break;
    text.append(buffer.data(), static_cast<std::size_t>(size));
  }
  return text;
}

std::string read_to_end(int descriptor) { return read_until(descriptor, ""); }

Process::Process(const std::vector<std::string>& command, const Options& options) {
  auto [output, output_end] = make_pipe();
  auto [errors, errors_end] = make_pipe();
  posix_spawn_file_actions_t actions;
  posix_spawn_file_actions_init(&actions);
  posix_spawn_file_actions_adddup2(&actions, output_end.get(), STDOUT_FILENO);
  posix_spawn_file_actions_adddup2(&actions, errors_end.get(), STDERR_FILENO);
  // Clears close-on-exec even when both numbers are the same.
  if (options.channel >= 0) posix_spawn_file_actions_adddup2(&actions, options.channel, options.channel_at);

  std::vector<std::string> environment = options.environment;
  const char* path = std::getenv("PATH");
  environment.push_back(std::string("PATH=") + (path == nullptr ? "/usr/bin:/bin" : path));
  const int error = ::posix_spawnp(&pid_, command.front().c_str(), &actions, nullptr,
                                   pointers(command).data(), pointers(environment).data());
  posix_spawn_file_actions_destroy(&actions);
  REQUIRE_MESSAGE(error == 0, command.front());
  output_ = std::move(output);
  errors_ = std::move(errors);
}

Process::~Process() {
  if (pid_ < 0) return;
  (void)::kill(pid_, SIGKILL);
  (void)::waitpid(pid_, nullptr, 0);
}

void Process::signal(int number) const { REQUIRE(::kill(pid_, number) == 0); }

int Process::await_exit() { return reap(std::exchange(pid_, -1)); }

int reap(pid_t pid) {
  const Fd handle(static_cast<int>(::syscall(SYS_pidfd_open, pid, 0)));
  REQUIRE(handle.valid());
  await_readable(handle.get());
  int status = 0;
  REQUIRE(::waitpid(pid, &status, 0) == pid);
  return WIFEXITED(status) ? WEXITSTATUS(status) : -WTERMSIG(status);
}

}  // namespace prefork::test
