// The bundled worker under a supervisor: serve() with connections, and the reasons to leave.
#include <doctest/doctest.h>
#include <sys/resource.h>

#include <csignal>

#include "tests/worker/hosted_worker.h"

namespace prefork::test {
namespace {

/// `supervisor-worker echo` that has said Ready.
struct EchoWorker : HostedWorker {
  EchoWorker() : HostedWorker({supervisor_worker(), "echo"}) {
    CHECK(await() == Record{.kind = RecordKind::kReady, .value = kProtocolVersion, .ticket = 1});
  }
};

TEST_CASE("echo serves one connection after the other: Busy, answer, end, Idle") {
  EchoWorker worker;
  for (std::uint64_t ticket = 1; ticket <= 3; ++ticket) {
    Client client = worker.dispatch(ticket);
    CHECK(worker.await() == Record{.kind = RecordKind::kBusy, .ticket = ticket});
    client.send("hello");
    CHECK(client.receive_to_end() == "hello");
    CHECK(worker.await() == Record{.kind = RecordKind::kIdle, .ticket = ticket});
  }
}

TEST_CASE("a client that closes without sending causes no error") {
  EchoWorker worker;
  worker.dispatch(1).close();
  CHECK(worker.await().kind == RecordKind::kBusy);
  CHECK(worker.await().kind == RecordKind::kIdle);
  Client client = worker.dispatch(2);
  client.send("still there");
  CHECK(client.receive_to_end() == "still there");
}

TEST_CASE("an idle worker answers Ping") {
  EchoWorker worker;
  worker.say(RecordKind::kPing);
  CHECK(worker.await() == Record{.kind = RecordKind::kPong});
}

TEST_CASE("Drain ends an idle worker") {
  EchoWorker worker;
  worker.say(RecordKind::kDrain);
  CHECK(await_end(worker.channel()));
  CHECK(worker.process().await_exit() == 0);
}

TEST_CASE("a worker that is drained while busy finishes the connection first") {
  EchoWorker worker;
  Client client = worker.dispatch(1);
  CHECK(worker.await().kind == RecordKind::kBusy);
  worker.say(RecordKind::kDrain);
  client.send("last words");
  CHECK(client.receive_to_end() == "last words");
  CHECK(worker.await().kind == RecordKind::kIdle);
  CHECK(worker.process().await_exit() == 0);
}

TEST_CASE("FAULTS 43: a worker whose supervisor has died leaves; a busy one finishes its connection first") {
  EchoWorker worker;
  SUBCASE("idle") { worker.channel().close(); }
  SUBCASE("busy") {
    Client client = worker.dispatch(1);
    CHECK(worker.await().kind == RecordKind::kBusy);
    worker.channel().close();
    client.send("orphan");
    CHECK(client.receive_until("orphan") == "orphan");
  }
  CHECK(worker.process().await_exit() == 0);
}

TEST_CASE("SIGTERM ends a worker; a busy one finishes its connection first") {
  EchoWorker worker;
  SUBCASE("idle") {
    // Its answer shows that it is past its start.
    worker.say(RecordKind::kPing);
    CHECK(worker.await().kind == RecordKind::kPong);
    worker.process().signal(SIGTERM);
  }
  SUBCASE("busy") {
    Client client = worker.dispatch(1);
    CHECK(worker.await().kind == RecordKind::kBusy);
    worker.process().signal(SIGTERM);
    client.send("last words");
    CHECK(client.receive_to_end() == "last words");
    CHECK(worker.await().kind == RecordKind::kLeave);  // before its slot is free
    CHECK(worker.await().kind == RecordKind::kIdle);
  }
  CHECK(worker.process().await_exit() == 0);
}

TEST_CASE("FAULTS 25: a worker that is out of descriptors refuses, says why, and leaves") {
  EchoWorker worker;
  const rlimit none{.rlim_cur = 0, .rlim_max = 0};
  REQUIRE(::prlimit(worker.process().pid(), RLIMIT_NOFILE, &none, nullptr) == 0);
  for (std::uint64_t ticket = 1; ticket <= 3; ++ticket) {
    const Client client = worker.dispatch(ticket);
    CHECK(worker.await() == Record{.kind = RecordKind::kRefused, .ticket = ticket});
  }
  CHECK(worker.process().await_exit() == 1);
  CHECK(read_to_end(worker.process().errors()).find("out of descriptors") != std::string::npos);
}

TEST_CASE("a worker that is started without a supervisor says what is missing") {
  Process worker({supervisor_worker(), "echo"}, {});
  CHECK(worker.await_exit() == 2);
  CHECK(read_to_end(worker.errors()).find("say --listen HOST:PORT") != std::string::npos);
}

TEST_CASE("the channel may have any descriptor number") {
  auto ends = Channel::make_pair();
  Host host(std::move(ends.value().first));
  const Process worker({supervisor_worker(), "echo"}, {.environment = {"SUPERVISOR_CHANNEL=77"},
                                                       .channel = ends.value().second.descriptor(),
                                                       .channel_at = 77});
  CHECK(host.await().kind == RecordKind::kReady);
}

TEST_CASE(
    "the help of the program and of each service has the form of the supervisor's, with exit statuses") {
  for (const std::string& service : std::vector<std::string>{"", "echo", "line", "http", "inetd"}) {
    std::vector<std::string> command{supervisor_worker(), "--help"};
    if (!service.empty()) command.insert(command.begin() + 1, service);
    const Process help(command, {});
    const std::string text = read_to_end(help.output());
    CAPTURE(text);
    CHECK(text.find("print this help and exit\n") != std::string::npos);
    CHECK(text.find("\nExit status:\n  0  ") != std::string::npos);
    CHECK(text.find(" in [") == std::string::npos);  // as CLI11 writes a range
    CHECK((text.find(" -- PROGRAM [ARGUMENTS]\n") != std::string::npos) == (service == "inetd"));
  }
}

TEST_CASE("--help prints the usage, and a mistake on the command line names --help") {
  Process help({supervisor_worker(), "--help"}, {});
  CHECK(help.await_exit() == 0);
  CHECK(read_to_end(help.output()).find("http") != std::string::npos);
  Process wrong({supervisor_worker(), "nonsense"}, {});
  CHECK(wrong.await_exit() == 2);
  CHECK(read_to_end(wrong.errors()).find("--help") != std::string::npos);
}

TEST_CASE("a misspelled service is told with the nearest one") {
  Process wrong({supervisor_worker(), "htpp"}, {});
  CHECK(wrong.await_exit() == 2);
  CHECK(read_to_end(wrong.errors())
            .starts_with("supervisor-worker: htpp is not a service; did you mean http? (supervisor-worker "
                         "--help tells more)\n"));
  Process option({supervisor_worker(), "http", "--lisen", "x"}, {});
  CHECK(option.await_exit() == 2);
  CHECK(read_to_end(option.errors()).find("http: --lisen is not an option; did you mean --listen?") !=
        std::string::npos);
  Process none({supervisor_worker()}, {});
  CHECK(none.await_exit() == 2);
  CHECK(
      read_to_end(none.errors()).starts_with("supervisor-worker: say a service: echo, line, http, inetd ("));
}

}  // namespace
}  // namespace prefork::test
