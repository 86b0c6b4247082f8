// Name servers and user databases that do not answer: what the supervisor does meanwhile.
#include <doctest/doctest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <csignal>
#include <cstdlib>
#include <filesystem>
#include <string>

#include "tests/support/client.h"
#include "tests/support/contains.h"
#include "tests/support/supervisor_under_test.h"

using namespace prefork::test;

namespace {

/// Names are answered when the test opens the gate "answer".
SupervisorUnderTest::Options with_slow_names(bool await_start) {
  return {.await_start = await_start, .environment = {std::string("LD_PRELOAD=") + SLOW_CALLS_LIBRARY}};
}

/// Its first listener, without the name.
std::string numeric_address(SupervisorUnderTest& supervisor) {
  const std::string address = supervisor.address();
  return "127.0.0.1" + address.substr(address.rfind(':'));
}

const PoolText kWithNewName{.workers = 2, .listen = {"127.0.0.1:0", "slow.test:0"}};

constexpr const char* kReload = "{\"jsonrpc\":\"2.0\",\"id\":7,\"method\":\"reload\"}\n";

/// A supervisor whose reload waits for a name.
struct Waiting {
  Waiting() {
    supervisor.rewrite_config(kWithNewName);
    supervisor.signal(SIGHUP);
    reader = supervisor.gates().wait_for_marks("asked").back();
  }
  [[nodiscard]] EventText verdict() { return supervisor.wait_for_event("reload"); }

  SupervisorUnderTest supervisor{PoolText{}.text(), with_slow_names(true)};
  pid_t reader = 0;  ///< the process that waits
};

}  // namespace

TEST_CASE("FAULTS 91: signals that come while it starts do not end the supervisor, and are obeyed later") {
  SupervisorUnderTest supervisor(PoolText{.workers = 1, .listen = {"slow.test:0"}}.text(),
                                 with_slow_names(false));
  (void)supervisor.gates().wait_for_marks("asked");
  for (const int number : {SIGHUP, SIGUSR1, SIGTTIN, SIGTTOU}) supervisor.signal(number);
  supervisor.gates().open_for_good("answer");
  supervisor.wait_for_log("pool main: reloaded");
  supervisor.wait_for_log("scoreboard: ");
  supervisor.wait_for_idle(1);
  CHECK(ask(numeric_address(supervisor), "hello") == "hello");
}

TEST_CASE("FAULTS 91: SIGTERM ends a supervisor that waits for a name") {
  SupervisorUnderTest supervisor(PoolText{.listen = {"slow.test:0"}}.text(), with_slow_names(false));
  (void)supervisor.gates().wait_for_marks("asked");
  CHECK(supervisor.stop() == -SIGTERM);
}

TEST_CASE("FAULTS 91: SIGTERM ends a supervisor that looks for a user without an account") {
  if (::geteuid() != 0) return;  // only root is given up
  SupervisorUnderTest supervisor(PoolText{.more = R"("user": "4711", "group": "4712")"}.text(),
                                 with_slow_names(false));
  (void)supervisor.gates().wait_for_marks("asked");
  CHECK(supervisor.stop() == -SIGTERM);
}

TEST_CASE(
    "FAULTS 91: SIGTERM ends a supervisor that waits for a disk, to see what its user can reach there") {
  if (::geteuid() != 0) return;
  const TestDirectory files;
  REQUIRE(::chmod(files.path().c_str(), 0755) == 0);
  std::filesystem::create_directories(files.at("slow-way/data"));
  SupervisorUnderTest::Options options = with_slow_names(false);
  options.in_child = [] {
    // The process that waits is of another user, and leaves a mark.
    const std::filesystem::path gates = std::getenv("GATES");
    (void)::chmod(gates.parent_path().c_str(), 0755);
    (void)::chmod(gates.c_str(), 0777);
  };
  SupervisorUnderTest supervisor(
      PoolText{.more = R"("user": "4711", "group": "4712", "supervisor_user": "5001", "directory": ")" +
                       files.at("slow-way/data") + '"'}
          .text(),
      options);
  const pid_t waits = supervisor.gates().wait_for_marks("asked").back();
  CHECK(supervisor.stop() == -SIGTERM);
  eventually("the process that waits has ended", [&] { return !is_alive(waits); });
}

TEST_CASE("FAULTS 87: while a reload waits for a name, all goes on; in the end it is refused with the name") {
  Waiting waiting;
  SupervisorUnderTest& supervisor = waiting.supervisor;
  CHECK(ask(supervisor.address(), "hello") == "hello");
  CHECK(supervisor.pool().pids().size() == 1);
  CHECK(waiting.reader != supervisor.pid());
  CHECK(is_alive(waiting.reader));
  CHECK(supervisor.events("reload").empty());

  const EventText verdict = waiting.verdict();
  CHECK_FALSE(verdict.flag("applied"));
  REQUIRE(verdict.list("mistakes").size() == 1);
  CHECK(contains(verdict.list("mistakes")[0], R"(/listen/1: the host "slow.test": no answer within 10 s)"));
  CHECK(ask(supervisor.address(), "hello") == "hello");
  CHECK(supervisor.pool().pids().size() == 1);
}

TEST_CASE("FAULTS 115: a listener that is open needs no name server") {
  SupervisorUnderTest supervisor(PoolText{.listen = {"slow.test:0"}}.text(), with_slow_names(false));
  supervisor.gates().open("answer");
  supervisor.wait_for_log("listening on");
  supervisor.wait_for_idle(1);
  supervisor.rewrite_config(PoolText{.workers = 2, .listen = {"slow.test:0"}});
  supervisor.signal(SIGHUP);
  CHECK(supervisor.wait_for_event("reload").flag("applied"));
  supervisor.wait_for_idle(2);
  CHECK(supervisor.gates().marks("asked").size() == 1);
}

TEST_CASE("FAULTS 115: a user that is in force keeps its number while the user database is silent") {
  if (::geteuid() != 0) return;  // only root can start workers as another user
  const auto text = [](unsigned workers) {
    return pools_text({{"web", {.workers = workers, .more = R"("user": "slow")"}}, {"api", {}}});
  };
  SupervisorUnderTest supervisor(text(1), with_slow_names(false));
  supervisor.gates().open("answer");
  supervisor.wait_for_log("listening on", 2);
  supervisor.wait_for_event("worker_ready", where("pool", "web"));
  supervisor.rewrite_config(text(2));
  supervisor.signal(SIGHUP);
  CHECK(supervisor.wait_for_event("reload").flag("applied"));
  supervisor.wait_for_event("worker_ready", where("pool", "web"));
  CHECK(contains(supervisor.log(), R"(/pools/web/user: the user "slow": no answer within 3 s; )"));
  CHECK(supervisor.gates().marks("asked").size() == 2);
}

TEST_CASE("FAULTS 121: requests that come while a reload waits share the next reload, and get its verdict") {
  Waiting waiting;
  SupervisorUnderTest& supervisor = waiting.supervisor;
  Client gone("unix:" + supervisor.control());
  gone.send(kReload);
  Client client("unix:" + supervisor.control());
  client.send(kReload);
  supervisor.signal(SIGHUP);
  (void)supervisor.status();  // the signal and the requests were handled before
  CHECK(client.silent());
  gone.close();

  // The file that the first reload has read is not the last one.
  supervisor.rewrite_config(PoolText{.workers = 3});
  supervisor.gates().open("answer");
  CHECK(contains(waiting.verdict().list("changes").at(0), "workers 2"));
  const std::string answer = client.receive_some();
  CHECK(contains(answer, R"("id":7)"));
  CHECK(contains(answer, "workers 3"));
  supervisor.wait_for_idle(3);
  CHECK(supervisor.events("reload").size() == 2);
  CHECK(supervisor.gates().marks("asked").size() == 1);
}

TEST_CASE(
    "FAULTS 122: the process that reads the file is killed: the reload is refused, the next one works") {
  Waiting waiting;
  REQUIRE(::kill(waiting.reader, SIGKILL) == 0);
  const EventText verdict = waiting.verdict();
  CHECK_FALSE(verdict.flag("applied"));
  CHECK(contains(verdict.list("mistakes").at(0), "the program that reads it was killed by signal 9"));
  waiting.supervisor.gates().open_for_good("answer");
  waiting.supervisor.signal(SIGHUP);
  CHECK(waiting.verdict().flag("applied"));
  waiting.supervisor.wait_for_idle(2);
}

TEST_CASE("FAULTS 123: SIGTERM ends a supervisor at once while a reload waits, and the request is answered") {
  Waiting waiting;
  Client client("unix:" + waiting.supervisor.control());
  client.send(kReload);
  (void)waiting.supervisor.status();
  CHECK(waiting.supervisor.stop() == 0);
  CHECK(contains(client.receive(), R"("mistakes":["the supervisor is stopping"])"));
  eventually("the reader has ended", [&] { return !is_alive(waiting.reader); });
}

TEST_CASE("FAULTS 124: an upgrade waits for the reload that reads, and takes over what it applies") {
  Waiting waiting;
  SupervisorUnderTest& supervisor = waiting.supervisor;
  supervisor.expect_upgrade();
  supervisor.signal(SIGUSR2);
  supervisor.wait_for_log("takes over");
  CHECK(ask(supervisor.address(), "hello") == "hello");
  supervisor.gates().open("answer");
  supervisor.await_upgrade();
  CHECK(supervisor.count_in_log("pool main: reloaded, workers 2") == 1);
  supervisor.wait_for_idle(2);
}

TEST_CASE("FAULTS 125: the process that reads the file ends with the supervisor that has started it") {
  Waiting waiting;
  REQUIRE(waiting.reader != waiting.supervisor.pid());
  waiting.supervisor.allow_leftovers();
  waiting.supervisor.signal(SIGKILL);
  CHECK(waiting.supervisor.await_exit() == -SIGKILL);
  eventually("the reader has ended", [&] { return !is_alive(waiting.reader); });
}
