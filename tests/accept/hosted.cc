#include "tests/accept/hosted.h"

#include <doctest/doctest.h>
#include <fcntl.h>
#include <linux/close_range.h>
#include <poll.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <chrono>
#include <cstdlib>
#include <exception>
#include <fstream>
#include <sstream>
#include <utility>

#include "tests/support/eventually.h"
#include "tests/support/process_list.h"

namespace prefork::test {
namespace {

constexpr int kHelpers = 12;
constexpr int kFirstHelper = 100;  ///< as in remote.c

std::vector<char*> pointers(const std::vector<std::string>& strings) {
  std::vector<char*> all;
  all.reserve(strings.size() + 1);
  for (const std::string& text : strings) all.push_back(const_cast<char*>(text.c_str()));
  all.push_back(nullptr);
  return all;
}

bool is_readable(int descriptor, std::chrono::milliseconds patience) {
  pollfd state{.fd = descriptor, .events = POLLIN, .revents = 0};
  return ::poll(&state, 1, static_cast<int>(patience.count())) == 1;
}

std::string replaced(std::string text, const std::string& what, const std::string& by) {
  const std::size_t at = text.find(what);
  return at == std::string::npos ? text : text.replace(at, what.size(), by);
}

/// Close-on-exec, and out of the way of the numbers that the program gets.
int moved_up(int descriptor) { return ::fcntl(descriptor, F_DUPFD_CLOEXEC, 300); }

}  // namespace

std::string remote_program() { return c_program("remote"); }
std::string c_program(const std::string& name) { return std::string(ACCEPT_PROGRAMS) + "/accept-" + name; }
std::string accept_library() { return ACCEPT_LIBRARY; }

Hosted::Hosted(Setup setup)
    : SupervisorSide(setup.listen, setup.keeps_copies), slots_(setup.slots), prints_(setup.prints) {
  // What the program leaves behind comes to the test, which ends it.
  REQUIRE(::prctl(PR_SET_CHILD_SUBREAPER, 1) == 0);
  const Fd channel = take_program_end();
  std::vector<Fd> theirs;
  for (int i = 0; i <= kHelpers; ++i) {
    int pair[2];
    REQUIRE(::socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) == 0);
    helpers_.emplace_back(pair[0]);
    theirs.emplace_back(pair[1]);
  }
  output_.reset(::memfd_create("output", MFD_CLOEXEC));
  pid_ = ::fork();
  REQUIRE(pid_ >= 0);
  if (pid_ == 0) become_program(setup, channel.get(), theirs);
}

void Hosted::become_program(const Setup& setup, int channel, const std::vector<Fd>& controls) const {
  (void)::prctl(PR_SET_PDEATHSIG, SIGKILL);  // a test that is killed takes its program along
  const int high_channel = moved_up(channel);
  const int output = moved_up(output_.get());
  std::vector<int> high;
  for (const Fd& control : controls) high.push_back(moved_up(control.get()));
  (void)::dup2(high.front(), STDIN_FILENO);
  (void)::dup2(output, STDOUT_FILENO);
  (void)::dup2(output, STDERR_FILENO);
  (void)::dup2(high_channel, kChannelDescriptor);
  for (int i = 0; i < kHelpers; ++i) (void)::dup2(high[static_cast<std::size_t>(i) + 1], kFirstHelper + i);
  (void)::close_range(kChannelDescriptor + 1, kFirstHelper - 1, 0);
  (void)::close_range(kFirstHelper + kHelpers, ~0U, CLOSE_RANGE_CLOEXEC);
  if (setup.in_child) setup.in_child();
  std::vector<std::string> command = setup.command;
  for (std::string& word : command) {
    word = replaced(word, "ADDRESS", pool().address());
    word = replaced(word, "PORT", pool().port());
  }
  (void)::execvpe(command.front().c_str(), pointers(command).data(), pointers(environment_of(setup)).data());
  ::_exit(127);
}

std::vector<std::string> Hosted::environment_of(const Setup& setup) const {
  const char* path = std::getenv("PATH");
  std::vector<std::string> all = setup.environment;  // getenv() finds the first
  const std::vector<std::string> usual = {
      "LD_PRELOAD=" + accept_library(),
      std::string(kChannelVariable) + "=3",
      kSlotsVariable + ("=" + std::to_string(setup.slots)),
      "SUPERVISOR_LISTEN=" + addresses(),
      "SUPERVISOR_DRAIN=" + setup.drain,
      "SUPERVISOR_DRAIN_SIGNAL=" + std::to_string(setup.drain_signal),
      "TEST_DIRECTORY=" + directory().path(),
      std::string("PATH=") + (path == nullptr ? "/usr/bin:/bin" : path),
  };
  all.insert(all.end(), usual.begin(), usual.end());
  return all;
}

Hosted::~Hosted() {
  const bool passed = std::uncaught_exceptions() == 0;
  if (passed) check_ledger();
  if (passed && !prints_) CHECK(output() == "");
  close_channel();
  if (!ended_) (void)::kill(pid_, SIGKILL);
  const bool gone = holds_within(kPatience, [&] {
    for (const pid_t left : processes()) (void)::kill(left, SIGKILL);
    while (::waitpid(-1, nullptr, WNOHANG) > 0) {
    }
    return processes().empty();
  });
  if (!gone) MESSAGE("processes of the program do not end");
}

std::string Hosted::output() const {
  std::ifstream file("/proc/self/fd/" + std::to_string(output_.get()), std::ios::binary);
  std::ostringstream content;
  content << file.rdbuf();
  return content.str();
}

std::vector<pid_t> Hosted::processes() const {
  return processes_with("TEST_DIRECTORY=" + directory().path());
}

void Hosted::begin(const std::string& words, int helper) {
  const Fd& control = helpers_.at(static_cast<std::size_t>(helper));
  REQUIRE(::send(control.get(), words.data(), words.size(), MSG_NOSIGNAL) ==
          static_cast<ssize_t>(words.size()));
}

bool Hosted::answered(int helper) const {
  return is_readable(helpers_.at(static_cast<std::size_t>(helper)).get(), std::chrono::milliseconds(0));
}

std::string Hosted::answer(int helper) {
  const Fd& control = helpers_.at(static_cast<std::size_t>(helper));
  const auto patience = std::chrono::duration_cast<std::chrono::milliseconds>(kPatience);
  REQUIRE_MESSAGE(is_readable(control.get(), patience), "the program does not answer");
  std::array<char, 512> text;
  const ssize_t size = ::recv(control.get(), text.data(), text.size(), 0);
  REQUIRE_MESSAGE(size > 0, "the program has ended: ", output());
  return {text.data(), static_cast<std::size_t>(size)};
}

std::string Hosted::call(const std::string& words, int helper) {
  begin(words, helper);
  return answer(helper);
}

int Hosted::number(const std::string& words, int helper) {
  const std::string text = call(words, helper);
  const int number = std::atoi(text.c_str());
  REQUIRE_MESSAGE(number >= 0, words, ": ", text);
  return number;
}

void Hosted::await_sleep(pid_t task) const {
  eventually("the program sleeps", [&] { return process_stat(task == 0 ? pid_ : task).state == 'S'; });
}

int Hosted::listens(const std::string& flags, std::size_t index) {
  const std::string& address = pool(index).address();
  const std::string domain = address.starts_with("unix:") ? "unix" : address.starts_with("[") ? "v6" : "v4";
  const int socket = number("socket " + domain + ' ' + flags);
  REQUIRE(call("bind " + std::to_string(socket) + ' ' + address) == "0");
  REQUIRE(call("listen " + std::to_string(socket)) == "0");
  return socket;
}

int Hosted::ready(const std::string& flags) {
  const int listener = listens(flags);
  REQUIRE(call("poll " + std::to_string(listener) + " 0") == "0");
  expect_now(RecordKind::kReady, slots_);
  return listener;
}

int Hosted::accepts(int listener, std::uint64_t ticket, int helper) {
  const int connection = number("accept " + std::to_string(listener), helper);
  expect_now(RecordKind::kBusy, ticket);
  return connection;
}

int Hosted::await_exit() {
  int status = 0;
  eventually("the program ends", [&] { return ::waitpid(pid_, &status, WNOHANG) == pid_; });
  ended_ = true;
  return WIFEXITED(status) ? WEXITSTATUS(status) : -WTERMSIG(status);
}

}  // namespace prefork::test
