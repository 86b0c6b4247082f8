// The life of a worker's process, from its start to its death, and through an upgrade in place.
#include "supervisor/workers/worker_process.h"

#include <doctest/doctest.h>
#include <poll.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <chrono>
#include <csignal>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <utility>
#include <variant>
#include <vector>

#include "tests/support/traps.h"
#include "tests/workers/watched_worker.h"

namespace prefork {
namespace {

using namespace test;  // NOLINT(google-build-using-namespace)

TEST_CASE("a worker that the spawner has started has a pid, and its records are told") {
  Watched watched;
  watched.run([](Channel& channel) {
    (void)channel.send(Record{.kind = RecordKind::kReady, .value = 1, .ticket = 3});
    send(channel, RecordKind::kBusy, 17);
  });
  CHECK(watched.worker().pid() == watched.child());
  CHECK(watched.process_known() == watched.child());
  const auto ready = watched.await<event::WorkerReady>();
  CHECK_FALSE(ready.foreign_version.has_value());
  CHECK(ready.slots == 3);
  CHECK(watched.await<event::WorkerBusy>().ticket == Ticket{17});
}

TEST_CASE("a worker that a template has forked introduces itself with its first datagram") {
  Watched watched;
  watched.ask_template();
  CHECK(watched.worker().awaits_identity());
  CHECK(watched.worker().pid() == 0);
  watched.fork_process([](Channel& channel) {
    (void)channel.send(encode_note("forked"));
    (void)channel.send(encode_note("at work"));
  });
  watched.await<event::WorkerIntroduced>();
  CHECK(watched.worker().pid() == watched.child());
  CHECK(watched.process_known() == watched.child());
  CHECK_FALSE(watched.worker().awaits_identity());
  CHECK(watched.worker().note() == "");  // the first one only carries the credentials
  watched.await_note("at work");
  watched.worker().signal(Signal::kKill);
  watched.check_exit(Exit::Kind::kSignaled, SIGKILL);
}

TEST_CASE("FAULTS 105: an introduction by a process that is no child of the supervisor is refused") {
  Watched watched;
  watched.ask_template();
  bool reaped = false;
  SUBCASE("it runs") {}
  SUBCASE("its parent has reaped it, so its pid can go to any process") { reaped = true; }
  const pid_t parent = watched.fork_process([reaped](Channel& channel) {
    const pid_t impostor = ::fork();
    if (impostor > 0) {
      if (reaped) (void)::waitpid(impostor, nullptr, 0);
      return;
    }
    (void)::prctl(PR_SET_PDEATHSIG, SIGKILL);
    (void)channel.send(encode_note("forked"));
    if (reaped) ::_exit(0);
  });
  watched.check_exit(Exit::Kind::kVanished, 0);
  CHECK(watched.has_told<event::WorkerViolated>());
  CHECK_FALSE(watched.has_told<event::WorkerIntroduced>());
  REQUIRE(watched.violations().size() == 1);
  CHECK(watched.violations()[0].ends_with("which is not a child of the supervisor"));
  watched.worker().signal(Signal::kKill);
  CHECK(::kill(parent, 0) == 0);
}

TEST_CASE("FAULTS 105: an introduction by a worker that is known is refused") {
  Watched watched;
  watched.ask_template();
  watched.fork_process([](Channel& channel) {
    (void)::usleep(1000);
    (void)channel.send(encode_note("forked"));
  });
  const ChildTable::Entry known = watched.children().add(watched.child());
  watched.check_exit(Exit::Kind::kVanished, 0);
  REQUIRE(watched.violations().size() == 1);
  CHECK(watched.violations()[0].ends_with("which is another worker"));
  watched.worker().signal(Signal::kKill);
  CHECK(::kill(watched.child(), 0) == 0);
}

TEST_CASE("FAULTS 104: an introduction is heard when it is asked for, though its sender has died") {
  Watched watched;
  watched.ask_template();
  watched.fork_process([](Channel& channel) {
    (void)channel.send(encode_note("forked"));
    ::_exit(3);
  });
  watched.await_death();
  CHECK_FALSE(watched.children().contains(watched.child()));
  watched.worker().hear_introduction();
  CHECK(watched.children().contains(watched.child()));
  watched.check_exit(Exit::Kind::kExited, 3);
  CHECK_FALSE(watched.children().contains(watched.child()));
}

TEST_CASE("FAULTS 103: a worker is asked whether it was stopped or continued") {
  Watched watched;
  watched.run([](Channel&) {});
  const auto after = [&](int signal) {
    REQUIRE(::kill(watched.child(), signal) == 0);
    siginfo_t ignored{};
    const int kind = signal == SIGSTOP ? WSTOPPED : WCONTINUED;
    REQUIRE(::waitid(P_PID, static_cast<id_t>(watched.child()), &ignored, kind | WNOWAIT) == 0);
    watched.clear_told();
    watched.worker().look_for_stop();
    return watched.await<event::WorkerStopped>().stopped;
  };
  CHECK(after(SIGSTOP));
  CHECK_FALSE(after(SIGCONT));
  watched.clear_told();
  watched.worker().look_for_stop();
  CHECK(watched.told() == 0);
}

TEST_CASE("a forked worker whose channel ends before it introduces itself has vanished") {
  Watched watched;
  watched.ask_template();
  watched.other_end().close();
  watched.check_exit(Exit::Kind::kVanished, 0);
  CHECK_FALSE(watched.worker().awaits_identity());
}

TEST_CASE("a signal to a forked worker that has not introduced itself closes its channel") {
  Watched watched;
  watched.ask_template();
  watched.worker().signal(Signal::kTerminate);
  watched.check_exit(Exit::Kind::kVanished, 0);
  watched.settle();
  Datagram datagram;
  CHECK(watched.other_end().receive(datagram) == ReceiveStatus::kEnd);
  watched.worker().signal(Signal::kKill);
  CHECK(watched.told() == 1);
}

TEST_CASE("a signal before the pid is known is sent as soon as there is a process") {
  Watched watched;
  watched.ask_spawner();
  watched.fork_process(do_nothing);
  int number = 0;
  SUBCASE("SIGTERM") {
    watched.worker().signal(Signal::kTerminate);
    number = SIGTERM;
  }
  SUBCASE("SIGKILL") {
    watched.worker().signal(Signal::kKill);
    number = SIGKILL;
  }
  watched.run_once();
  CHECK(watched.told() == 0);
  watched.started();
  watched.check_exit(Exit::Kind::kSignaled, number);
}

TEST_CASE("a signal reaches a process that is stopped") {
  Watched watched;
  watched.run(do_nothing);
  REQUIRE(::kill(watched.child(), SIGSTOP) == 0);
  watched.worker().signal(Signal::kTerminate);
  watched.check_exit(Exit::Kind::kSignaled, SIGTERM);
}

TEST_CASE("a worker that could not be started is over at once") {
  Watched watched;
  watched.ask_spawner();
  watched.worker().set_start_error("exec /srv/app: No such file or directory");
  watched.worker().not_started();
  watched.check_exit(Exit::Kind::kNotStarted, 0);
  CHECK(watched.await<event::WorkerExited>().start_error == "exec /srv/app: No such file or directory");
}

TEST_CASE("a channel that ends before the process dies is told, and is not a death") {
  Watched watched;
  watched.run([](Channel& channel) { channel.close(); });
  watched.await<event::ChannelClosed>();
  watched.run_once();
  CHECK_FALSE(watched.has_told<event::WorkerExited>());
  REQUIRE(::kill(watched.child(), SIGTERM) == 0);
  watched.check_exit(Exit::Kind::kSignaled, SIGTERM);
}

TEST_CASE("the last records of a process that has died are told before its exit") {
  Watched watched;
  watched.run([](Channel& channel) {
    for (std::uint64_t ticket = 1; ticket <= 50; ++ticket) send(channel, RecordKind::kBusy, ticket);
    send(channel, RecordKind::kIdle, 50);
    ::_exit(3);
  });
  watched.await_death();
  watched.check_exit(Exit::Kind::kExited, 3);
  CHECK(watched.position_of<event::WorkerIdle>() == 50);
}

TEST_CASE("a channel that a grandchild holds open does not hide the death of its worker") {
  Watched watched;
  watched.run([](Channel& channel) {
    const pid_t grandchild = ::fork();
    if (grandchild == 0) {
      for (;;) (void)::pause();
    }
    send(channel, RecordKind::kBusy, static_cast<std::uint64_t>(grandchild));
    ::_exit(0);
  });
  watched.check_exit(Exit::Kind::kExited, 0);
  REQUIRE(watched.has_told<event::WorkerBusy>());
  CHECK_FALSE(watched.has_told<event::ChannelClosed>());
  CHECK(::kill(static_cast<pid_t>(watched.await<event::WorkerBusy>().ticket.value), SIGKILL) == 0);
}

TEST_CASE("SIGKILL by the kernel for want of memory is told from any other") {
  Watched watched;
  watched.run(do_nothing);
  SUBCASE("the kernel has counted a kill, and we sent none") {
    watched.count_oom_kill();
    REQUIRE(::kill(watched.child(), SIGKILL) == 0);
    watched.check_exit(Exit::Kind::kOutOfMemory, SIGKILL);
  }
  SUBCASE("the kernel has counted none") {
    REQUIRE(::kill(watched.child(), SIGKILL) == 0);
    watched.check_exit(Exit::Kind::kSignaled, SIGKILL);
  }
  SUBCASE("we sent it ourselves") {
    watched.count_oom_kill();
    watched.worker().signal(Signal::kKill);
    watched.check_exit(Exit::Kind::kSignaled, SIGKILL);
  }
}

TEST_CASE("a process that still runs is killed when its worker is forgotten") {
  Watched watched;
  watched.run(do_nothing);
  watched.forget();
  watched.await_death();
}

TEST_CASE("each life of a worker is written for an upgrade in place as versions before read it") {
  Watched watched;
  SUBCASE("asked for, with a signal that waits") {
    watched.ask_spawner();
    watched.worker().signal(Signal::kTerminate);
    const WorkerProcessState state = watched.worker().state();
    CHECK(state.pidfd == Carried::kNone);
    CHECK_FALSE(state.awaits_identity);
    CHECK(state.pending_signal == Signal::kTerminate);
  }
  SUBCASE("forked, and not introduced") {
    watched.ask_template();
    CHECK(watched.worker().state().awaits_identity);
    CHECK(watched.worker().state().listened_to);
  }
  SUBCASE("running, and killed") {
    watched.ask_spawner();
    watched.fork_process(do_nothing);
    watched.started();
    CHECK(watched.worker().state().pidfd != Carried::kNone);
    CHECK(watched.worker().state().pid == watched.child());
    CHECK_FALSE(watched.worker().state().kill_sent);
    watched.worker().signal(Signal::kKill);
    CHECK(watched.worker().state().kill_sent);
    CHECK_FALSE(watched.worker().state().awaits_identity);
  }
}

TEST_CASE("a worker that was carried over goes on: its records and its exit are told") {
  Watched watched;
  watched.fork_process([](Channel& channel) { send(channel, RecordKind::kIdle, 5); });
  WorkerProcessState state;
  bool killed = false;
  SUBCASE("running") {}
  SUBCASE("killed, by the program before") {
    state.kill_sent = killed = true;
    watched.count_oom_kill();
  }
  watched.adopt(state);
  CHECK(watched.worker().pid() == watched.child());
  CHECK(watched.await<event::WorkerIdle>().ticket == Ticket{5});
  REQUIRE(::kill(watched.child(), killed ? SIGKILL : SIGTERM) == 0);
  watched.check_exit(Exit::Kind::kSignaled, killed ? SIGKILL : SIGTERM);
}

}  // namespace
}  // namespace prefork
