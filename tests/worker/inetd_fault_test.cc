// supervisor-worker inetd: programs that are missing, processes that die, and descriptors that are not to be
// inherited.
#include <doctest/doctest.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <csignal>
#include <string>
#include <vector>

#include "tests/support/eventually.h"
#include "tests/support/process_list.h"
#include "tests/support/test_directory.h"
#include "tests/worker/inetd_worker.h"

namespace prefork::test {
namespace {

TEST_CASE("FAULTS 331: a program that cannot be executed is told in one line, before Ready") {
  const TestDirectory directory;
  std::string program;
  std::string words;
  SUBCASE("not in PATH") {
    program = "no-such-program";
    words = "no-such-program: not found in PATH";
  }
  SUBCASE("no such file") {
    program = "/no/such/program";
    words = "/no/such/program: No such file or directory";
  }
  SUBCASE("a directory") {
    program = directory.path();
    words = program + ": Is a directory";
  }
  SUBCASE("not executable") {
    program = directory.write("text", "text");
    words = program + ": Permission denied";
  }
  HostedWorker worker(inetd({program}));
  CHECK(await_end(worker.channel()));
  CHECK(worker.process().await_exit() == 1);
  CHECK(read_to_end(worker.process().errors()) == "supervisor-worker: inetd: " + words + "\n");
}

/// An executable script in `directory`.
std::string script_at(const TestDirectory& directory, const std::string& text) {
  return directory.write("program", text, 0755);
}

TEST_CASE("FAULTS 332: when the program has vanished, a connection is not begun, and the worker leaves") {
  const TestDirectory directory;
  const std::string program = script_at(directory, "#!/bin/sh\necho here\n");
  InetdWorker worker({program});
  CHECK(worker.answer(1) == "here\n");
  REQUIRE(::unlink(program.c_str()) == 0);
  const Client client = worker.dispatch(2);
  CHECK(worker.await().kind == RecordKind::kLeave);
  CHECK(await_end(worker.channel()));
  CHECK(client.silent());
  CHECK(worker.process().await_exit() == 1);
  CHECK(read_to_end(worker.process().errors()) ==
        "supervisor-worker: inetd: " + program +
            ": No such file or directory; this worker leaves, and its connections go to others\n");
}

TEST_CASE("FAULTS 332: when the program has vanished, the programs that run are finished first") {
  const TestDirectory directory;
  const std::string program = script_at(directory, "#!/bin/sh\necho here\nread line\necho $line\n");
  InetdWorker worker({program}, {}, {"SUPERVISOR_SLOTS=2"});
  Client first = worker.begin(1);
  CHECK(first.receive_until("here\n") == "here\n");
  REQUIRE(::unlink(program.c_str()) == 0);
  const Client second = worker.dispatch(2);
  CHECK(worker.await().kind == RecordKind::kLeave);
  first.send("last words\n");
  CHECK(first.receive_to_end() == "last words\n");
  CHECK(worker.await() == Record{.kind = RecordKind::kIdle, .ticket = 1});
  CHECK(worker.process().await_exit() == 1);
  CHECK(second.silent());
}

TEST_CASE("FAULTS 333: a program whose exec fails has not touched its connection; the worker leaves") {
  const TestDirectory directory;
  const std::string program = script_at(directory, "#!/no/such/interpreter\n");
  InetdWorker worker({program});
  Client client = worker.begin(1);
  client.send("unread");
  CHECK(worker.await().kind == RecordKind::kLeave);
  CHECK(await_end(worker.channel()));  // no Idle
  CHECK(worker.process().await_exit() == 1);
  CHECK(client.silent());
  char bytes[16];
  CHECK(::recv(worker.copy().get(), bytes, sizeof(bytes), MSG_DONTWAIT) == 6);
  CHECK(read_to_end(worker.process().errors()).find("cannot be executed: No such file or directory") !=
        std::string::npos);
}

TEST_CASE("FAULTS 334: when no process can be made for a connection, it is refused") {
  InetdWorker worker({"cat"}, {"--spare", "0"});
  eventually("the guard is there", [&] { return worker.children().size() == 1; });
  worker.say(RecordKind::kPing);
  CHECK(worker.await().kind == RecordKind::kPong);
  // Room for the connection's socket, but not for the channel of another process.
  const auto used = descriptor_numbers_of(worker.process().pid());
  rlim_t limit = 0;
  for (int free = 0; free < 2; ++limit)
    free += std::count(used.begin(), used.end(), static_cast<int>(limit)) == 0 ? 1 : 0;
  --limit;
  const rlimit few{.rlim_cur = limit, .rlim_max = limit};
  REQUIRE(::prlimit(worker.process().pid(), RLIMIT_NOFILE, &few, nullptr) == 0);
  const Client client = worker.dispatch(1);
  CHECK(worker.await() == Record{.kind = RecordKind::kRefused, .ticket = 1});
  CHECK(client.silent());
  CHECK(
      worker.errors_until("\n").ends_with(": Too many open files; the connection goes to another worker\n"));
}

TEST_CASE("FAULTS 335: a process that dies while it waits for a connection costs no connection") {
  InetdWorker worker({"cat"});
  eventually("one waits beside the guard", [&] { return worker.children().size() == 2; });
  for (const ProcessStat& child : worker.children()) REQUIRE(::kill(child.pid, SIGKILL) == 0);
  Client client = worker.begin(1);
  client.send("hello");
  CHECK(client.receive_until("hello") == "hello");
}

/// The process of `worker` that waits for a connection, stopped.
pid_t stopped_waiter(InetdWorker& worker) {
  pid_t waiter = 0;
  eventually("a process waits", [&] {
    for (const ProcessStat& child : worker.children()) {
      if (child.name == "inetd-waiting" && child.state != 'T') waiter = child.pid;
    }
    return waiter != 0;
  });
  REQUIRE(::kill(waiter, SIGSTOP) == 0);
  eventually("it has stopped", [waiter] { return process_stat(waiter).state == 'T'; });
  return waiter;
}

TEST_CASE("FAULTS 399: a process that dies before it has received its connection costs no connection") {
  InetdWorker worker({"cat"});
  const pid_t first = stopped_waiter(worker);
  Client client = worker.begin(1);
  worker.say(RecordKind::kPing);
  CHECK(worker.await().kind == RecordKind::kPong);  // the process has been given the connection
  SUBCASE("another process has it then") {
    REQUIRE(::kill(first, SIGKILL) == 0);
    client.send("hello");
    CHECK(client.receive_until("hello") == "hello");
    client.shut_down();
    CHECK(worker.await() == Record{.kind = RecordKind::kIdle, .ticket = 1});
  }
  SUBCASE("after the second one the worker leaves, and the connection is as it was") {
    const pid_t second = stopped_waiter(worker);
    REQUIRE(::kill(first, SIGKILL) == 0);
    eventually("it is gone", [first] { return process_stat(first).state == '?'; });
    worker.say(RecordKind::kPing);
    CHECK(worker.await().kind == RecordKind::kPong);
    REQUIRE(::kill(second, SIGKILL) == 0);
    CHECK(worker.await().kind == RecordKind::kLeave);
    CHECK(worker.process().await_exit() == 1);
    CHECK(client.silent());
    CHECK(read_to_end(worker.process().errors()).find("died before it had its connection") !=
          std::string::npos);
  }
}

TEST_CASE("FAULTS 336: a program has its connection, default signals, and nothing of the worker") {
  InetdWorker worker(shell("read go; ls /proc/self/fd; env; grep -E 'Sig(Blk|Ign)' /proc/self/status"), {},
                     {"SUPERVISOR_SLOTS=2", "TCPREMOTEHOST=other", "PROTO=OTHER", "KEPT=yes"});
  const Client other = worker.begin(1);  // its socket is in the worker when the next process is forked
  for (std::uint64_t ticket = 2; ticket <= 3; ++ticket) {
    Client client = worker.begin(ticket);
    client.send("go\n");
    const std::string answer = client.receive_to_end();
    CHECK(answer.starts_with("0\n1\n2\n3\n"));  // 3 is the directory that ls reads
    CHECK(answer.find("\n4\n") == std::string::npos);
    CHECK(answer.find("SUPERVISOR_") == std::string::npos);
    CHECK(answer.find("other") == std::string::npos);
    CHECK(answer.find("KEPT=yes\n") != std::string::npos);
    CHECK(answer.find("SigBlk:\t0000000000000000\n") != std::string::npos);
    // posix_spawn(), with which this test starts the worker, ignores 32 and 33, which are glibc's own.
    CHECK(
        (answer.ends_with("SigIgn:\t0000000000000000\n") || answer.ends_with("SigIgn:\t0000000180000000\n")));
    CHECK(worker.await() == Record{.kind = RecordKind::kIdle, .ticket = ticket});
  }
}

pid_t guard_of(InetdWorker& worker) {
  pid_t found = 0;
  eventually("the guard is there", [&] {
    for (const ProcessStat& child : worker.children()) {
      if (child.name == "inetd-guard" && child.state != 'Z') found = child.pid;
    }
    return found != 0;
  });
  return found;
}

TEST_CASE("FAULTS 330: when the worker is killed, its programs and what they have started are killed") {
  InetdWorker worker(shell("sleep 1000 & echo $! $$; wait"));
  SUBCASE("with the guard that it started with") {}
  SUBCASE("with the guard that follows one that was killed") {
    const pid_t guard = guard_of(worker);
    REQUIRE(::kill(guard, SIGKILL) == 0);
    eventually("another guard is there", [&] { return guard_of(worker) != guard; });
  }
  Client client = worker.begin(1);
  const std::string pids = client.receive_until("\n");
  const pid_t sleeper = std::stoi(pids);
  const pid_t program = std::stoi(pids.substr(pids.find(' ')));
  CHECK(is_alive(sleeper));
  const std::vector<ProcessStat> children = worker.children();
  worker.process().signal(SIGKILL);
  CHECK(worker.process().await_exit() == -SIGKILL);
  CHECK(ends(sleeper));
  CHECK(ends(program));
  for (const ProcessStat& child : children) CHECK(ends(child.pid));
}

}  // namespace
}  // namespace prefork::test
