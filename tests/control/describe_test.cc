// The core's reports in words.
#include "supervisor/control/describe.h"

#include <doctest/doctest.h>

#include <chrono>
#include <csignal>

namespace prefork {
namespace {

using What = Violation::What;
using std::chrono::hours;
using std::chrono::microseconds;
using std::chrono::milliseconds;
using std::chrono::seconds;

TEST_CASE("each way that a process can end has its words") {
  CHECK(describe(Exit{Exit::Kind::kExited, 3}) == "exited with status 3");
  CHECK(describe(Exit{Exit::Kind::kSignaled, SIGKILL}) == "killed by signal 9 (SIGKILL)");
  CHECK(describe(Exit{Exit::Kind::kSignaled, 200}) == "killed by signal 200");
  CHECK(describe(Exit{Exit::Kind::kNotStarted, 0}) == "could not be started");
  CHECK(describe(Exit{Exit::Kind::kVanished, 0}) == "left without an exit status");
  CHECK(describe(Exit{Exit::Kind::kOutOfMemory, SIGKILL}) == "killed by the kernel (SIGKILL): out of memory");
}

TEST_CASE("a duration has the unit that suits it") {
  CHECK(describe(microseconds(12)) == "12 µs");
  CHECK(describe(microseconds(3400)) == "3.4 ms");
  CHECK(describe(milliseconds(1200)) == "1.2 s");
  CHECK(describe(seconds(300)) == "5 min");
  CHECK(describe(hours(3)) == "3 h");
  CHECK(describe(hours(48)) == "2 d");
  CHECK(describe(Duration(0)) == "0 µs");
}

TEST_CASE("an amount of memory has the unit that suits it") {
  CHECK(describe_bytes(0) == "0 KiB");
  CHECK(describe_bytes(824 * 1024) == "824 KiB");
  CHECK(describe_bytes(12'897'484) == "12.3 MiB");
  CHECK(describe_bytes(std::uint64_t{1536} << 20) == "1.5 GiB");
}

TEST_CASE("a death is described with its kind, reason, age and the fate of its connections") {
  DeathRecord record;
  record.exit = Exit{Exit::Kind::kSignaled, SIGSEGV};
  record.was_ready = true;
  record.age = seconds(90);
  record.served = 12;
  CHECK(describe(record) == "killed by signal 11 (SIGSEGV) (a fault of its own); age 90.0 s, served 12");
  record.held_begun = 1;
  CHECK(describe(record).ends_with("; had begun 1 connection"));
  record.held_unbegun = 1;
  CHECK(describe(record).ends_with("; 1 connection it had not begun goes to other workers"));
  record.held_begun = 0;
  record.held_unbegun = 2;
  CHECK(describe(record).ends_with("served 12; 2 connections it had not begun go to other workers"));
  record.held_closed = 1;
  CHECK(describe(record).ends_with("go to other workers; 1 connection it had not begun is closed"));
  record.reason = StopReason::kReceiptTimeout;
  CHECK(describe(record).starts_with("killed by signal 11 (SIGSEGV) (" +
                                     std::string(to_string(record.reason)) + ")"));
}

TEST_CASE("a worker that failed its trial is described with what it was given, served and refused") {
  DeathRecord record;
  record.exit = Exit{Exit::Kind::kSignaled, SIGTERM};
  record.was_ready = true;
  record.reason = StopReason::kFailedTrial;
  record.held_begun = 1;
  CHECK(describe(record).find(": given 1 connection, it served 0 and refused 0)") != std::string::npos);
  record.served = 2;
  record.refused = 7;
  CHECK(describe(record).find(": given 10 connections, it served 2 and refused 7)") != std::string::npos);
}

TEST_CASE("FAULTS 190: a death for a breach of the protocol is described with what the worker sent") {
  DeathRecord record;
  record.exit = Exit{Exit::Kind::kSignaled, SIGKILL};
  record.was_ready = true;
  record.reason = StopReason::kViolation;
  record.violation = Violation{.what = What::kUnknownTicket, .value = 17};
  CHECK(describe(record) ==
        "killed by signal 9 (SIGKILL) (broke the protocol: it sent a record for ticket 17, which it does not "
        "hold); age 0 µs, served 0");
  record.violation = Violation{.text = "a datagram of 0 bytes"};
  record.reason = StopReason::kReload;
  CHECK(describe(record).ends_with("; broke the protocol meanwhile: it sent a datagram of 0 bytes"));
}

TEST_CASE("one worker is not \"1 workers\"") {
  CHECK(describe(Operations::Scaled{"web", 4, 1}) == "1 worker until the next reload, 4 before");
  CHECK(describe(Operations::Scaled{"web", 4, 0}) == "0 workers until the next reload, 4 before");
}

TEST_CASE("a signal that the supervisor did not send is described with its likely cause") {
  DeathRecord record;
  record.was_ready = true;
  const auto cause = [&](int signal) {
    record.exit = Exit{Exit::Kind::kSignaled, signal};
    const std::string text = describe(record);
    return text.substr(0, text.find(';'));
  };
  CHECK(cause(SIGKILL) == "killed by signal 9 (SIGKILL) (not by the supervisor)");
  CHECK(cause(SIGABRT) == "killed by signal 6 (SIGABRT) (it called abort())");
  CHECK(cause(SIGXCPU) == "killed by signal 24 (SIGXCPU) (the limit cpu)");
  CHECK(cause(SIGSYS) == "killed by signal 31 (SIGSYS) (a system call that it may not make)");
  record.reason = StopReason::kDrainTimeout;
  CHECK(cause(SIGTERM) == "killed by signal 15 (SIGTERM) (not finished within stop_timeout)");
}

TEST_CASE("the death of a worker that never was ready says so, or why its program did not run") {
  DeathRecord record;
  record.exit = Exit{Exit::Kind::kExited, 127};
  record.age = milliseconds(2);
  CHECK(describe(record) == "exited with status 127, before it was ready; age 2.0 ms, served 0");
  record.role = WorkerRole::kTemplate;
  CHECK(describe(record) == "exited with status 127, before it was ready; age 2.0 ms");
  record.role = WorkerRole::kWorker;
  record.start_error = "exec /srv/app: No such file or directory";
  CHECK(describe(record) == "exec /srv/app: No such file or directory; age 2.0 ms, served 0");
}

TEST_CASE("a worker that sent nothing before it ended may not speak the protocol, and is told apart") {
  DeathRecord record;
  record.exit = Exit{Exit::Kind::kExited, 0};
  record.age = milliseconds(2);
  record.silent = true;
  const auto has_hint = [&] {
    return describe(record).find("; it sent nothing over its channel: ") != std::string::npos;
  };
  CHECK(describe(record) ==
        "exited with status 0, before it was ready; age 2.0 ms, served 0; it sent nothing over its channel: "
        "the command must be a program that speaks the worker protocol, for example with the worker library "
        "(docs/workers.md); an ordinary server needs \"protocol\": \"accept\"");
  record.start_error = "exec /srv/app: No such file or directory";
  CHECK_FALSE(has_hint());
  record.start_error.clear();
  record.exit.value = 1;
  CHECK(describe(record).ends_with(
      "; it sent nothing over its channel: it failed before that, look at its output; or it does not speak "
      "the "
      "worker protocol (docs/workers.md); an ordinary server needs \"protocol\": \"accept\""));
  record.exit = Exit{Exit::Kind::kSignaled, SIGSEGV};
  CHECK_FALSE(has_hint());
  record.exit = Exit{Exit::Kind::kSignaled, SIGKILL};
  record.reason = StopReason::kStartTimeout;
  CHECK(describe(record).ends_with(
      "; it sent nothing over its channel: it needs more time to load than start_timeout, or it does not "
      "speak "
      "the worker protocol (docs/workers.md); an ordinary server needs \"protocol\": \"accept\""));
  record.reason = StopReason::kResize;
  CHECK_FALSE(has_hint());
  record.reason = StopReason::kStartTimeout;
  record.exit = Exit{Exit::Kind::kNotStarted, 0};
  CHECK_FALSE(has_hint());
  record.exit = Exit{Exit::Kind::kSignaled, SIGKILL};
  record.silent = false;
  CHECK_FALSE(has_hint());
}

TEST_CASE("a violation is described with what was sent and what is allowed") {
  const auto text = [](What what, std::uint64_t value) {
    return describe(Violation{.what = what, .value = value});
  };
  CHECK(text(What::kUnexpectedReady, 0) == "Ready a second time");
  CHECK(text(What::kBadVersion, 7) == "Ready with protocol version 7; allowed is 1");
  CHECK(text(What::kBadSlots, 0).starts_with("Ready with 0 slots; allowed is 1 and more"));
  CHECK(text(What::kNotReady, 17) == "a record for ticket 17 before Ready");
  CHECK(text(What::kUnknownTicket, 17) == "a record for ticket 17, which it does not hold");
  CHECK(text(What::kNotReceived, 17) ==
        "Busy or Refused for ticket 17, which is still unread in its channel");
  CHECK(text(What::kLongMemo, 17) == "Park with a memo of more than 224 bytes");
  CHECK(text(What::kMayNotPark, 17) ==
        "Park for ticket 17, whose Connection did not allow it (flag 1, keep_alive.park)");
  CHECK(text(What::kWrongState, 17) == "a record for ticket 17 that contradicts its earlier records");
}

}  // namespace
}  // namespace prefork
