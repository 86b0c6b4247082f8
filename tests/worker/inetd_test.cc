// supervisor-worker inetd: each connection is the standard input and output of a program.
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
#include "tests/worker/hosted_worker.h"

namespace prefork::test {
namespace {

using Words = std::vector<std::string>;

Words inetd(Words program, const Words& options = {}) {
  Words command = {supervisor_worker(), "inetd"};
  command.insert(command.end(), options.begin(), options.end());
  command.emplace_back("--");
  command.insert(command.end(), program.begin(), program.end());
  return command;
}

Words shell(const std::string& script) { return {"sh", "-c", script}; }

/// A worker that has said Ready.
struct InetdWorker : HostedWorker {
  explicit InetdWorker(const Words& program, const Words& options = {}, Words environment = {})
      : HostedWorker(inetd(program, options), std::move(environment)) {
    CHECK(await().kind == RecordKind::kReady);
  }

  /// A connection that the worker has begun.
  Client begin(std::uint64_t ticket) {
    Client client = dispatch(ticket);
    CHECK(await() == Record{.kind = RecordKind::kBusy, .ticket = ticket});
    return client;
  }
  /// What a program says to a client that sends nothing.
  std::string answer(std::uint64_t ticket) {
    Client client = begin(ticket);
    client.shut_down();
    std::string all = client.receive_to_end();
    CHECK(await() == Record{.kind = RecordKind::kIdle, .ticket = ticket});
    return all;
  }
  [[nodiscard]] std::string errors_until(const std::string& text) {
    return read_until(process().errors(), text);
  }
  /// The processes that the worker has forked: the guard, and those that wait.
  [[nodiscard]] std::vector<ProcessStat> children() { return children_of(process().pid()); }
};

TEST_CASE(
    "FAULTS 338: behind a proxy the program gets the addresses of the PROXY header, and no byte of it") {
  InetdWorker worker(shell("echo $PROTO $TCPREMOTEIP $TCPREMOTEPORT $TCPLOCALPORT; cat"));
  const std::string header = "PROXY TCP4 192.0.2.7 198.51.100.1 4711 443\r\n";
  std::string expected = "TCP 192.0.2.7 4711 443\nhello";
  SUBCASE("named") {}
  SUBCASE("a client without a header is closed, and the log says why") { expected.clear(); }
  Client client = worker.dispatch(7, kProxied);
  CHECK(worker.await() == Record{.kind = RecordKind::kBusy, .ticket = 7});
  client.send((expected.empty() ? "GET / HTTP/1.0\r\n\r\n" : header) + "hello");
  client.shut_down();
  CHECK(client.receive_to_end() == expected);
  if (expected.empty()) {
    CHECK_FALSE(worker.errors_until("a connection is closed: ").empty());
    CHECK(worker.await().kind == RecordKind::kNote);  // its exit status
  }
  CHECK(worker.await() == Record{.kind = RecordKind::kIdle, .ticket = 7});
}

bool ends(pid_t pid) {
  eventually("a process has ended", [pid] { return !is_alive(pid); });
  return true;
}

TEST_CASE("each connection is the input and the output of a program: Busy, answer, end, Idle") {
  InetdWorker worker({"cat"});
  for (std::uint64_t ticket = 1; ticket <= 3; ++ticket) {
    Client client = worker.begin(ticket);
    client.send("hello");
    CHECK(client.receive_until("hello") == "hello");
    client.shut_down();
    CHECK(client.receive_to_end() == "");
    CHECK(worker.await() == Record{.kind = RecordKind::kIdle, .ticket = ticket});
  }
}

TEST_CASE("the program gets its arguments as they are") {
  InetdWorker worker({"printf", "%s|", "--stderr", "--", "a b", ""});
  CHECK(worker.answer(1) == "--stderr|--|a b||");
}

TEST_CASE("a worker runs as many programs at a time as it has slots") {
  HostedWorker worker(inetd({"cat"}), {"SUPERVISOR_SLOTS=3"});
  CHECK(worker.await() == Record{.kind = RecordKind::kReady, .value = kProtocolVersion, .ticket = 3});
  std::vector<Client> clients;
  for (std::uint64_t ticket = 1; ticket <= 3; ++ticket) {
    clients.push_back(worker.dispatch(ticket));
    CHECK(worker.await() == Record{.kind = RecordKind::kBusy, .ticket = ticket});
  }
  for (std::uint64_t ticket = 3; ticket >= 1; --ticket) {
    Client& client = clients[ticket - 1];
    const std::string text = "to " + std::to_string(ticket);
    client.send(text);
    CHECK(client.receive_until(text) == text);
    client.shut_down();
    CHECK(client.receive_to_end() == "");
    CHECK(worker.await() == Record{.kind = RecordKind::kIdle, .ticket = ticket});
  }
}

TEST_CASE("the standard error of a program goes to the worker's, to the client, or nowhere") {
  std::string heard;
  Words options;
  SUBCASE("to the worker's") {}
  SUBCASE("to the client") {
    options = {"--stderr", "connection"};
    heard = "oops\n";
  }
  SUBCASE("nowhere") { options = {"--stderr", "null"}; }
  InetdWorker worker(shell("echo oops >&2"), options);
  CHECK(worker.answer(1) == heard);
  worker.say(RecordKind::kDrain);
  CHECK(worker.process().await_exit() == 0);
  CHECK(read_to_end(worker.process().errors()) == (options.empty() ? "oops\n" : ""));
}

TEST_CASE("the worker tells how a program has failed, in its log and in a Note") {
  std::string script;
  std::string words;
  SUBCASE("a status") {
    script = "exit 3";
    words = "exited with status 3";
  }
  SUBCASE("a signal") {
    script = "kill -9 $$";
    words = "killed by signal 9 (SIGKILL)";
  }
  InetdWorker worker(shell(script));
  Client client = worker.begin(7);
  CHECK(client.receive_to_end() == "");
  const Arrived note(worker.channel());
  CHECK(note.records.at(0).kind == RecordKind::kNote);
  CHECK(note.text.ends_with("sh " + words));
  CHECK(worker.await().kind == RecordKind::kIdle);
  CHECK(worker.errors_until("\n").find(", connection 7): " + words + "\n") != std::string::npos);
}

TEST_CASE("with --log-all the log has a line for each program that ends") {
  InetdWorker worker({"true"}, {"--log-all"});
  CHECK(worker.answer(7) == "");
  CHECK(worker.errors_until("\n").find(", connection 7): exited with status 0\n") != std::string::npos);
}

TEST_CASE("a client that has sent what the program does not read still gets the whole answer") {
  InetdWorker worker(shell("read first; echo answer"));
  Client client = worker.begin(1);
  worker.drop_copy();
  client.send("one\n" + std::string(20'000, 'x'));
  CHECK(client.receive_to_end() == "answer\n");
}

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

TEST_CASE("a worker that has to leave finishes its programs first; nothing of it stays") {
  InetdWorker worker({"cat"}, {}, {"SUPERVISOR_SLOTS=2"});
  Client client = worker.begin(1);
  eventually("two wait", [&] { return worker.children().size() == 4; });
  const std::vector<ProcessStat> children = worker.children();
  SUBCASE("Drain") { worker.say(RecordKind::kDrain); }
  SUBCASE("the end of the channel") { worker.channel().close(); }
  SUBCASE("SIGTERM") {
    worker.process().signal(SIGTERM);
    CHECK(worker.await().kind == RecordKind::kLeave);
  }
  client.send("last words");
  CHECK(client.receive_until("last words") == "last words");
  client.shut_down();
  CHECK(client.receive_to_end() == "");
  if (worker.channel().open()) CHECK(worker.await().kind == RecordKind::kIdle);
  CHECK(worker.process().await_exit() == 0);
  for (const ProcessStat& child : children) CHECK(ends(child.pid));
}

TEST_CASE("an idle worker leaves at once and answers Ping, also while programs run") {
  InetdWorker worker({"cat"}, {}, {"SUPERVISOR_SLOTS=1"});
  const Client client = worker.begin(1);
  worker.say(RecordKind::kPing);
  CHECK(worker.await().kind == RecordKind::kPong);
}

TEST_CASE("a program that closes its input and output holds the connection until it ends") {
  InetdWorker worker(shell("read gate <&1; exec <&- >&-; read line < $FIFO"), {},
                     {"FIFO=/dev/fd/9"});  // the second read fails at once
  Client client = worker.begin(1);
  client.send("go\n");
  CHECK(client.receive_to_end() == "");
  CHECK(Arrived(worker.channel()).records.at(0).kind == RecordKind::kNote);
  CHECK(worker.await().kind == RecordKind::kIdle);
}

TEST_CASE("a program that goes to the background ends the connection when it has left its parent") {
  const TestDirectory directory;
  InetdWorker worker(shell("(setsid sleep 1000 <&- >&- 2>&- & echo $!)"));
  Client client = worker.begin(1);
  const std::string pid = client.receive_to_end();
  CHECK(worker.await().kind == RecordKind::kIdle);
  const pid_t left = std::stoi(pid);
  CHECK(is_alive(left));
  REQUIRE(::kill(left, SIGKILL) == 0);
}

TEST_CASE("inetd without a program, or with a wrong option, says what is missing") {
  Process none({supervisor_worker(), "inetd"}, {.environment = {"SUPERVISOR_CHANNEL=3"}});
  CHECK(none.await_exit() == 2);
  CHECK(read_to_end(none.errors()).find("say which program: inetd -- PROGRAM") != std::string::npos);
  Process wrong({supervisor_worker(), "inetd", "--stderr", "x", "--", "cat"}, {});
  CHECK(wrong.await_exit() == 2);
  CHECK(read_to_end(wrong.errors()).find("--stderr: x not in {log,connection,null}") != std::string::npos);
  Process alone({supervisor_worker(), "inetd", "--", "cat"}, {});
  CHECK(alone.await_exit() == 2);
  const std::string words = read_to_end(alone.errors());
  CHECK(words.find("SUPERVISOR_CHANNEL is not set") != std::string::npos);
  CHECK(words.find("\"protocol\": \"native\"") != std::string::npos);
}

}  // namespace
}  // namespace prefork::test
