// What becomes of processes that end or are too many, and of listeners that are shut down.
#include <doctest/doctest.h>
#include <sys/ptrace.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#include <csignal>
#include <string>

#include "tests/accept/hosted.h"

namespace prefork::test {
namespace {

std::string about(const std::string& call, int descriptor, const std::string& more = "") {
  return call + ' ' + std::to_string(descriptor) + (more.empty() ? "" : ' ' + more);
}

/// Runs a process up to the moment before or after its next sendto(), and kills it there.
class KilledInSend {
 public:
  explicit KilledInSend(pid_t pid) : pid_(pid) {
    REQUIRE(::ptrace(PTRACE_SEIZE, pid_, nullptr, PTRACE_O_TRACESYSGOOD) == 0);
    REQUIRE(::ptrace(PTRACE_INTERRUPT, pid_, nullptr, nullptr) == 0);
    go_on();
  }
  void before() {
    while (!in_send()) go_on();
    end();
  }
  void after() {
    while (!in_send()) go_on();
    go_on();
    (void)in_send();  // waits for its exit
    end();
  }

 private:
  /// To the next entry or exit of a system call.
  void go_on() {
    int status = 0;
    REQUIRE(::waitpid(pid_, &status, __WALL) == pid_);
    REQUIRE(::ptrace(PTRACE_SYSCALL, pid_, nullptr, nullptr) == 0);
  }
  bool in_send() {
    siginfo_t stopped{};
    REQUIRE(::waitid(P_PID, static_cast<id_t>(pid_), &stopped, WSTOPPED | WNOWAIT | __WALL) == 0);
    __ptrace_syscall_info info{};
    REQUIRE(::ptrace(PTRACE_GET_SYSCALL_INFO, pid_, sizeof(info), &info) > 0);
    return info.op == PTRACE_SYSCALL_INFO_ENTRY && info.entry.nr == SYS_sendto;
  }
  void end() {
    int status = 0;
    REQUIRE(::kill(pid_, SIGKILL) == 0);
    while (::waitpid(pid_, &status, __WALL) == pid_ && !WIFSIGNALED(status)) {
    }
  }

  pid_t pid_;
};

}  // namespace

TEST_CASE("FAULTS 225: what stdio holds for a connection is written before exit() closes it") {
  Hosted program;
  const int listener = program.ready();
  const std::uint64_t ticket = program.dispatch();
  const int connection = program.accepts(listener, ticket);
  CHECK(program.number("fork 0") > 0);
  CHECK(program.call(about("close", connection)) == "0");
  CHECK(program.call(about("print", connection, "answer"), 1) == "0");
  program.begin("exit 0", 1);
  program.expect(RecordKind::kIdle, ticket);
  CHECK(program.client(ticket).receive(6) == "answer");
}

TEST_CASE("FAULTS 226: a process beyond those that the library counts closes what it has inherited") {
  Hosted program;
  CHECK(program.call("fork-many 1023") == "1023");
  const int listener = program.ready();
  const std::uint64_t ticket = program.dispatch();
  const int connection = program.accepts(listener, ticket);
  CHECK(program.number("fork 0") > 0);
  CHECK(program.call(about("close", connection), 1) == "0");
  CHECK(program.call(about("close", listener), 1) == "0");
  CHECK(program.number("getpid", 1) > 0);
  CHECK(program.quiet());
  CHECK(program.call(about("close", connection)) == "0");
  program.expect_now(RecordKind::kIdle, ticket);
}

TEST_CASE("FAULTS 227: the end of one listener keeps no thread busy that waits at another") {
  Hosted program;
  const int first = program.listens();
  const int second = program.listens();
  CHECK(program.number("thread 0") == 0);
  const pid_t thread = program.number("gettid", 1);
  program.begin(about("accept", second), 1);
  program.expect(RecordKind::kReady, 8);
  CHECK(program.call(about("shutdown", first)) == "0");
  program.await_sleep(thread);
  CHECK(program.call(about("close", first)) == "0");
  const std::uint64_t ticket = program.dispatch();
  program.expect(RecordKind::kBusy, ticket);
  const int connection = std::stoi(program.answer(1));
  CHECK(program.call(about("close", connection)) == "0");
  program.expect_now(RecordKind::kIdle, ticket);
}

TEST_CASE("FAULTS 227: shutdown() of a listener ends the accept() of other processes, too") {
  Hosted program;
  const int listener = program.listens();
  const pid_t child = program.number("fork 0");
  program.begin(about("accept", listener), 1);
  program.expect(RecordKind::kReady, 8);
  program.await_sleep(child);
  CHECK(program.call(about("shutdown", listener)) == "0");
  CHECK(program.answer(1) == "-1 EINVAL");
}

TEST_CASE("FAULTS 228: a server that was forked before it listened is killed: its connection is given back") {
  Hosted program;
  const pid_t child = program.number("fork 0");
  const int listener = program.number("socket v4", 1);
  REQUIRE(program.call(about("bind", listener, program.pool().address()), 1) == "0");
  REQUIRE(program.call(about("listen", listener), 1) == "0");
  program.begin(about("accept", listener), 1);
  program.expect(RecordKind::kReady, 8);
  const std::uint64_t ticket = program.dispatch();
  program.expect(RecordKind::kBusy, ticket);
  (void)program.answer(1);
  REQUIRE(::kill(child, SIGKILL) == 0);
  CHECK(program.number("wait") == child);
  CHECK(program.number("fork 1") > 0);  // its master starts another
  program.expect(RecordKind::kIdle, ticket);
  program.expect(RecordKind::kLeave);
}

TEST_CASE(
    "FAULTS 421: a process of a server is killed while it says that it has begun: the worker leaves and "
    "ends") {
  Hosted program;
  const int listener = program.listens();
  const pid_t child = program.number("fork 0");
  program.begin(about("accept", listener), 1);
  program.expect(RecordKind::kReady, 8);
  program.await_sleep(child);
  KilledInSend killed(child);
  std::uint64_t ticket = 0;
  SUBCASE("before") {
    ticket = program.dispatch();
    killed.before();
  }
  SUBCASE("after") {
    ticket = program.dispatch();
    killed.after();
    program.expect(RecordKind::kBusy, ticket);
  }
  program.expect(RecordKind::kLeave);
  program.say(RecordKind::kDrain);
  program.begin(about("accept", listener));
  CHECK(program.await_exit() == 0);
  CHECK(program.next().end);
  program.allow_unanswered();
}

TEST_CASE("FAULTS 228: a script that forks and fails has not gone to the background") {
  Hosted program({.command = {"sh", "-c", "(exit 0); (exit 0); exit 3"}});
  CHECK(program.await_exit() == 3);
  CHECK(program.next().end);
}

}  // namespace prefork::test
