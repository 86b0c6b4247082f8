#include "tests/support/command.h"

#include <doctest/doctest.h>
#include <fcntl.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <fstream>
#include <sstream>

#include "tests/support/eventually.h"
#include "tests/support/test_directory.h"

namespace prefork::test {
namespace {

std::string content(const std::string& file) {
  std::ifstream in(file);
  std::ostringstream text;
  text << in.rdbuf();
  return text.str();
}

}  // namespace

CommandResult run_supervisor(const std::vector<std::string>& arguments, Stdout destination) {
  const TestDirectory directory;
  std::vector<char*> argv = {const_cast<char*>("supervisor")};
  for (const std::string& argument : arguments) argv.push_back(const_cast<char*>(argument.c_str()));
  argv.push_back(nullptr);
  posix_spawn_file_actions_t actions;
  REQUIRE(::posix_spawn_file_actions_init(&actions) == 0);
  constexpr int kWrite = O_WRONLY | O_CREAT | O_TRUNC;
  const std::string output = destination == Stdout::kFullDisk ? "/dev/full" : directory.at("output");
  (void)::posix_spawn_file_actions_addopen(&actions, 1, output.c_str(), kWrite, 0600);
  if (destination == Stdout::kClosed) (void)::posix_spawn_file_actions_addclose(&actions, 1);
  (void)::posix_spawn_file_actions_addopen(&actions, 2, directory.at("errors").c_str(), kWrite, 0600);
  pid_t pid = -1;
  const int failed = ::posix_spawn(&pid, SUPERVISOR_PROGRAM, &actions, nullptr, argv.data(), environ);
  (void)::posix_spawn_file_actions_destroy(&actions);
  REQUIRE(failed == 0);
  int status = 0;
  const bool ended = holds_within(kPatience, [&] { return ::waitpid(pid, &status, WNOHANG) == pid; });
  if (!ended) {
    (void)::kill(pid, SIGKILL);
    (void)::waitpid(pid, &status, 0);
  }
  CommandResult result;
  result.status = WIFEXITED(status) ? WEXITSTATUS(status) : -WTERMSIG(status);
  result.output = content(directory.at("output"));
  result.errors = content(directory.at("errors"));
  REQUIRE_MESSAGE(ended, "it does not end; it has printed: ", result.output, result.errors);
  return result;
}

}  // namespace prefork::test
