// The command top, at a terminal.
#include <doctest/doctest.h>
#include <fcntl.h>
#include <sys/ioctl.h>
#include <sys/wait.h>
#include <termios.h>
#include <unistd.h>

#include <array>
#include <csignal>
#include <cstdlib>
#include <string>

#include "proto/fd.h"
#include "tests/e2e/program.h"
#include "tests/support/client.h"
#include "tests/support/command.h"
#include "tests/support/supervisor_under_test.h"

using namespace prefork;
using namespace prefork::test;

namespace {

/// `supervisor top` at a terminal of 24 lines that this test types at and reads.
class TopUnderTest {
 public:
  explicit TopUnderTest(const std::string& control)
      : keyboard_(::posix_openpt(O_RDWR | O_NOCTTY | O_CLOEXEC)) {
    REQUIRE(keyboard_.valid());
    REQUIRE(::grantpt(keyboard_.get()) == 0);
    REQUIRE(::unlockpt(keyboard_.get()) == 0);
    std::array<char, 64> name{};
    REQUIRE(::ptsname_r(keyboard_.get(), name.data(), name.size()) == 0);
    screen_.reset(::open(name.data(), O_RDWR | O_NOCTTY | O_CLOEXEC));
    REQUIRE(screen_.valid());
    const winsize size{.ws_row = 24, .ws_col = 200, .ws_xpixel = 0, .ws_ypixel = 0};
    REQUIRE(::ioctl(screen_.get(), TIOCSWINSZ, &size) == 0);
    REQUIRE(::fcntl(keyboard_.get(), F_SETFL, O_NONBLOCK) == 0);
    const std::string program = SupervisorUnderTest::built_program();
    pid_ = ::fork();
    if (pid_ > 0) return;
    (void)::setsid();
    (void)::ioctl(screen_.get(), TIOCSCTTY, 0);
    for (const int standard : {0, 1, 2}) (void)::dup2(screen_.get(), standard);
    (void)::setenv("TERM", "vt100", 1);
    (void)::execl(program.c_str(), "supervisor", "top", "--interval", "0.1", "--control", control.c_str(),
                  nullptr);
    ::_exit(127);
  }
  TopUnderTest(const TopUnderTest&) = delete;
  TopUnderTest& operator=(const TopUnderTest&) = delete;
  ~TopUnderTest() {
    if (ended_) return;
    (void)::kill(pid_, SIGKILL);
    (void)::waitpid(pid_, nullptr, 0);
  }

  void wait_for(const std::string& text) {
    eventually("\"" + text + "\" on the screen", [&] { return written().find(text) != std::string::npos; });
  }
  /// At any time so far.
  [[nodiscard]] bool has_shown(const std::string& text) { return written().find(text) != std::string::npos; }
  void signal(int number) const { REQUIRE(::kill(pid_, number) == 0); }
  void type(const std::string& keys) {
    REQUIRE(::write(keyboard_.get(), keys.data(), keys.size()) == static_cast<ssize_t>(keys.size()));
  }
  int exit_status() {
    int status = 0;
    eventually("top ends", [&] {
      (void)written();  // it may wait for its reader
      return ::waitpid(pid_, &status, WNOHANG) == pid_;
    });
    ended_ = true;
    REQUIRE(WIFEXITED(status));
    return WEXITSTATUS(status);
  }
  /// Lines as they are typed, and shown.
  [[nodiscard]] bool is_as_it_was() const {
    termios settings{};
    REQUIRE(::tcgetattr(screen_.get(), &settings) == 0);
    return (settings.c_lflag & ICANON) != 0 && (settings.c_lflag & ECHO) != 0;
  }

 private:
  const std::string& written() {
    std::array<char, 4096> buffer;
    for (ssize_t size; (size = ::read(keyboard_.get(), buffer.data(), buffer.size())) > 0;)
      written_.append(buffer.data(), static_cast<std::size_t>(size));
    return written_;
  }

  Fd keyboard_;  ///< the test's end
  Fd screen_;    ///< the program's end, open as long as the test looks at it
  pid_t pid_ = -1;
  bool ended_ = false;
  std::string written_;
};

}  // namespace

TEST_CASE("top shows the pool and its workers until q is pressed, and leaves the terminal as it was") {
  SupervisorUnderTest supervisor(PoolText{});
  supervisor.wait_for_event("worker_ready");
  TopUnderTest top(supervisor.control());
  top.wait_for("pool main: running, 1 of 1 worker ready, generation 1");
  top.wait_for(std::to_string(supervisor.pool().pids().at(0)));
  CHECK_FALSE(top.is_as_it_was());
  CHECK(ask(supervisor.address(), "hello") == "hello");
  top.type("q");
  CHECK(top.exit_status() == 0);
  CHECK(top.is_as_it_was());
}

TEST_CASE("top ends when it is interrupted, too, and leaves the terminal as it was") {
  SupervisorUnderTest supervisor(PoolText{});
  TopUnderTest top(supervisor.control());
  top.wait_for("pool main");
  top.type("\x03");
  CHECK(top.exit_status() == 0);
  CHECK(top.is_as_it_was());
}

TEST_CASE("top gives the terminal back whatever ends it") {
  SupervisorUnderTest supervisor(PoolText{});
  for (const int number : {SIGTERM, SIGHUP, SIGQUIT}) {
    CAPTURE(number);
    TopUnderTest top(supervisor.control());
    top.wait_for("pool main");
    top.signal(number);
    CHECK(top.exit_status() == 0);
    CHECK(top.is_as_it_was());
  }
}

TEST_CASE("top of a supervisor that stands still says so, and can be ended") {
  SupervisorUnderTest supervisor(PoolText{});
  TopUnderTest top(supervisor.control());
  top.wait_for("pool main");
  supervisor.signal(SIGSTOP);
  top.wait_for("the supervisor has not answered for 2 seconds");
  top.type("q");
  CHECK(top.exit_status() == 0);
  CHECK(top.is_as_it_was());
  supervisor.signal(SIGCONT);
}

TEST_CASE("top waits for the next supervisor when this one goes") {
  const TestDirectory directory;
  const std::string socket = directory.at("socket");
  SupervisorUnderTest supervisor(PoolText{});
  REQUIRE(::symlink(supervisor.control().c_str(), socket.c_str()) == 0);
  TopUnderTest top(socket);
  top.wait_for("pool main");
  supervisor.signal(SIGTERM);
  top.wait_for("no answer, asking again");
  SupervisorUnderTest next(pools_text({{"reborn", {}}}), {});
  REQUIRE(::unlink(socket.c_str()) == 0);
  REQUIRE(::symlink(next.control().c_str(), socket.c_str()) == 0);
  top.wait_for("reborn");  // without "pool": only what differs from the screen before is written
  top.type("q");
  CHECK(top.exit_status() == 0);
}

TEST_CASE("FAULTS 145: top goes on after an upgrade in place, without an error on the screen") {
  const Program program;
  const auto supervisor = start(program, PoolText{}.text());
  supervisor->wait_for_idle(1);
  TopUnderTest top(supervisor->control());
  top.wait_for("pool main");
  supervisor->upgrade();
  REQUIRE(::kill(supervisor->wait_for_idle(1).pids().at(0), SIGKILL) == 0);
  top.wait_for("killed by signal 9");  // of the next worker: its line is new on the screen
  CHECK_FALSE(top.has_shown("asking again"));
}

TEST_CASE("top without a terminal says so") {
  SupervisorUnderTest supervisor(PoolText{});
  const CommandResult result = run_supervisor({"top", "--control", supervisor.control()});
  CHECK(result.status == 2);
  CHECK(result.errors == "supervisor: top: needs a terminal; the command status prints the same once\n");
}

TEST_CASE("top is told how often to look, within reason") {
  for (const char* seconds : {"0", "-1", "3601", "nan"}) {
    const CommandResult result = run_supervisor({"top", "--control", "/nowhere", "--interval", seconds});
    CHECK(result.status == 2);
    CHECK(result.errors == "supervisor: top: --interval must be from 0.1 to 3600 seconds\n");
  }
}

TEST_CASE("top where no supervisor runs says so, as every command does") {
  const TestDirectory directory;
  const CommandResult result = run_supervisor({"top", "--control", directory.at("nobody")});
  CHECK(result.status == 3);
  CHECK(result.errors.find("no supervisor listens at") != std::string::npos);
}
