// supervisor-worker inetd: each connection is the standard input and output of a program.
#include <doctest/doctest.h>

#include <csignal>
#include <string>
#include <vector>

#include "tests/support/eventually.h"
#include "tests/support/process_list.h"
#include "tests/support/test_directory.h"
#include "tests/worker/inetd_worker.h"

namespace prefork::test {
namespace {

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
