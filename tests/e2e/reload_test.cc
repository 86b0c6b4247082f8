// SIGHUP: a file with a mistake changes nothing, and what is right comes into force without a connection
// lost.
#include <doctest/doctest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <csignal>
#include <string>
#include <utility>
#include <vector>

#include "tests/e2e/load.h"
#include "tests/support/client.h"
#include "tests/support/supervisor_under_test.h"

using namespace prefork::test;

namespace {

std::string with(const std::string& keys) {
  return R"({"listen": "127.0.0.1:0", "command": ["supervisor-worker", "line"], )" + keys + ", " +
         kWithControl + "}";
}

const std::string kValid = with(R"("workers": 2)");

const std::vector<std::string> kUnchanged = {"pool main: reloaded, unchanged"};

/// What is wrong with a file, and the file.
std::vector<std::pair<std::string, std::string>> broken_files() {
  std::vector<std::pair<std::string, std::string>> files = {
      {"nothing in it", ""},
      {"cut off", kValid.substr(0, kValid.size() / 2)},
      {"no JSON", "workers = 4\n"},
      {"more after the end", kValid + "}"},
      {"a list", "[" + kValid + "]"},
      {"a string for a number", with(R"("workers": "four")")},
      {"null for a number", with(R"("workers": null)")},
      {"a negative number", with(R"("workers": -1)")},
      {"half a worker", with(R"("workers": 1.5)")},
      {"too many workers", with(R"("workers": 4097)")},
      {"a number beyond all types", with(R"("workers": 1e400)")},
      {"an unknown key", with(R"("wokers": 2)")},
      {"a number for an object", with(R"("queue": 7)")},
      {"a duration without a unit", with(R"("stop_timeout": "30")")},
      {"a program that is not there", R"({"listen": "127.0.0.1:0", "command": ["no-such-program"]})"},
      {"an empty command", R"({"listen": "127.0.0.1:0", "command": []})"},
      {"no command", R"({"listen": "127.0.0.1:0"})"},
      {"nowhere to listen", R"({"listen": [], "command": ["supervisor-worker", "line"]})"},
      {"an address that is none", R"({"listen": "127.0.0.1", "command": ["supervisor-worker", "line"]})"},
      {"a directory that is not there", with(R"("directory": "/no/such/directory")")},
      {"a NUL byte", with("\"name\": \"a" + std::string(1, '\0') + "b\"")},
      {"no UTF-8", with("\"name\": \"\xff\xfe\"")},
      {"lists without end", std::string(200'000, '[')},
      {"objects without end",
       [] {
         std::string bomb;
         for (int i = 0; i < 50'000; ++i) bomb += R"({"pools":)";
         return bomb;
       }()},
      {"two megabytes", kValid + std::string(std::size_t{2} << 20, ' ')},
  };
  return files;
}

}  // namespace

TEST_CASE(
    "FAULTS 39: a file with a mistake changes nothing, whatever the mistake, and the log says what it is") {
  SupervisorUnderTest supervisor(kValid, {});
  const PoolTable before = supervisor.wait_for_idle(2);
  const auto check_refused = [&] {
    supervisor.signal(SIGHUP);
    const EventText verdict = supervisor.wait_for_event("reload");
    CHECK_FALSE(verdict.flag("applied"));
    const auto mistakes = verdict.list("mistakes");
    REQUIRE_FALSE(mistakes.empty());
    for (const std::string& mistake : mistakes) {
      CHECK_MESSAGE(mistake.starts_with(supervisor.config_file()), mistake);
      CHECK(supervisor.count_in_log(" error   " + mistake + "\n") > 0);
    }
  };
  for (const auto& broken : broken_files()) {
    const auto& what = broken.first;  // clang 14 cannot capture structured bindings
    const auto& text = broken.second;
    CAPTURE(what);
    supervisor.rewrite_config(text);
    check_refused();
    CHECK(ask(supervisor.address(), "W 0\n").starts_with("OK "));
  }
  REQUIRE(::unlink(supervisor.config_file().c_str()) == 0);
  check_refused();
  REQUIRE(::mkdir(supervisor.config_file().c_str(), 0700) == 0);
  check_refused();
  REQUIRE(::rmdir(supervisor.config_file().c_str()) == 0);
  const PoolTable after = supervisor.pool();
  CHECK(after.pids() == before.pids());
  CHECK(after["generation"] == before["generation"]);
  supervisor.rewrite_config(with(R"("workers": 3)"));
  supervisor.signal(SIGHUP);
  supervisor.wait_for_idle(3);
}

TEST_CASE("FAULTS 39: a byte order mark and comments are no mistakes") {
  SupervisorUnderTest supervisor(kValid, {});
  supervisor.wait_for_idle(2);
  supervisor.rewrite_config("\xef\xbb\xbf// the evening shift\n" + with(R"("workers": 1)"));
  supervisor.signal(SIGHUP);
  supervisor.wait_for_idle(1);
}

TEST_CASE("a reload says which keys differ, and no value that may be secret") {
  SupervisorUnderTest supervisor(with(R"("workers": 1, "environment": {"KEY": "old"})"), {});
  supervisor.wait_for_idle(1);
  supervisor.rewrite_config(
      with(R"("workers": 2, "environment": {"KEY": "hushed"}, "queue": {"timeout": "5s"},
    "keep_alive": {"park": true}, "log": {"level": "debug"}, "stop_timeout": "20s", "supervisor_user": "5001")"));
  supervisor.signal(SIGHUP);
  // Nothing of supervisor_user: it is root, or never was, and a restart would not make it another user
  // either.
  const std::vector<std::string> changes = {
      "supervisor: reloaded, log.level, stop_timeout",
      "pool main: reloaded, workers 2, keep_alive.park, queue.timeout; workers are replaced: environment"};
  CHECK(supervisor.wait_for_event("reload").list("changes") == changes);
  for (const std::string& change : changes) CHECK(supervisor.count_in_log(" info    " + change + "\n") == 1);
  CHECK(supervisor.count_in_log("hushed") == 0);
  supervisor.signal(SIGHUP);
  CHECK(supervisor.wait_for_event("reload").list("changes") == kUnchanged);
}

TEST_CASE("a reload says what waits for a restart only as long as a restart would change it") {
  if (::geteuid() != 0) return;
  const auto file = [](const std::string& user) {
    return with(R"("workers": 1, "user": "4711", "group": "4712", "supervisor_user": ")" + user + "\"");
  };
  SupervisorUnderTest supervisor(file("5001"), {});
  CHECK(status_field_of(supervisor.pid(), "Uid") == "5001\t5001\t5001\t5001");
  REQUIRE(::chmod(supervisor.directory().path().c_str(), 0755) == 0);
  supervisor.rewrite_config(file("5002"));
  supervisor.signal(SIGHUP);
  const std::vector<std::string> waits = {"supervisor_user: takes effect when the supervisor is restarted",
                                          kUnchanged.front()};
  CHECK(supervisor.wait_for_event("reload").list("changes") == waits);
  supervisor.rewrite_config(file("5001"));
  supervisor.signal(SIGHUP);
  CHECK(supervisor.wait_for_event("reload").list("changes") == kUnchanged);
}

TEST_CASE("after an upgrade in place a reload compares with the configuration in force") {
  SupervisorUnderTest supervisor(with(R"("workers": 1, "stop_timeout": "20s")"), {});
  supervisor.wait_for_idle(1);
  supervisor.upgrade();
  supervisor.signal(SIGHUP);
  CHECK(supervisor.wait_for_event("reload").list("changes") == kUnchanged);
  supervisor.rewrite_config(with(R"("workers": 1, "stop_timeout": "25s")"));
  supervisor.signal(SIGHUP);
  CHECK(supervisor.wait_for_event("reload").list("changes") ==
        std::vector<std::string>{"supervisor: reloaded, stop_timeout", kUnchanged.front()});
}

TEST_CASE("FAULTS 40: a reload while workers are starting: only workers of the last configuration remain") {
  SupervisorUnderTest supervisor({.command = scripted({"mark:first", "gate:go"}), .workers = 3});
  supervisor.gates().wait_for_marks("first", 3);
  supervisor.rewrite_config({.command = scripted({"mark:second", "gate:go"}), .workers = 3});
  supervisor.signal(SIGHUP);
  supervisor.gates().wait_for_marks("second", 1);
  supervisor.rewrite_config({.command = scripted({"mark:third", "gate:go"}), .workers = 3});
  supervisor.signal(SIGHUP);
  supervisor.gates().wait_for_marks("third", 1);
  supervisor.gates().open_for_good("go");
  const PoolTable pool = supervisor.wait_for_pool("the last configuration serves", [](const PoolTable& now) {
    return now.workers.size() == 3 && now.count("idle") == 3 && now["generation"] == 3;
  });
  for (const WorkerText& worker : pool.workers) CHECK(worker.generation == 3);
  CHECK(ask(supervisor.address(), "hello") == "hello");
}

TEST_CASE(
    "FAULTS 40: of two hundred reloads in a row the last one counts, and every process is accounted for") {
  SupervisorUnderTest supervisor(PoolText{});
  for (unsigned i = 0; i < 200; ++i) {
    supervisor.rewrite_config(
        {.workers = i % 5, .more = R"("environment": {"ROUND": ")" + std::to_string(i % 7) + "\"}"});
    supervisor.signal(SIGHUP);
  }
  supervisor.rewrite_config({.workers = 3, .more = R"("environment": {"ROUND": "last"})"});
  supervisor.signal(SIGHUP);
  // A reload in between may have had three workers, too, and is in force until the last one has been read.
  supervisor.wait_for_pool("three workers of the last configuration", [](const PoolTable& now) {
    if (now.workers.size() != 3 || now.count("idle") != 3) return false;
    const auto last = processes_with("ROUND=last");
    const auto pids = now.pids();
    return std::all_of(pids.begin(), pids.end(),
                       [&](pid_t pid) { return std::find(last.begin(), last.end(), pid) != last.end(); });
  });
  eventually("nothing but the spawners and three workers is left",
             [&] { return children_of(supervisor.pid()).size() == 5; });
  CHECK(ask(supervisor.address(), "hello") == "hello");
}

TEST_CASE(
    "FAULTS 41: a reload that names a port in use is refused whole, leaks nothing, and the next one works") {
  SupervisorUnderTest taken(PoolText{});
  SupervisorUnderTest supervisor(PoolText{});
  supervisor.wait_for_idle(1);
  const std::size_t descriptors = descriptors_of(supervisor.pid());
  const TestDirectory directory;
  const std::string added = "unix:" + directory.at("added.sock");
  for (int i = 0; i < 5; ++i) {
    supervisor.rewrite_config({.workers = 5, .listen = {"127.0.0.1:0", added, taken.address()}});
    supervisor.signal(SIGHUP);
    const EventText refused = supervisor.wait_for_event("reload");
    CHECK_FALSE(refused.flag("applied"));
    REQUIRE(refused.list("mistakes").size() == 1);
    CHECK(refused.list("mistakes")
              .front()
              .starts_with("listen " + taken.address() + ": Address already in use"));
  }
  CHECK(supervisor.wait_for_idle(1).workers.size() == 1);
  CHECK(descriptors_of(supervisor.pid()) == descriptors);
  CHECK(::access(directory.at("added.sock").c_str(), F_OK) != 0);
  CHECK(ask(supervisor.address(), "hello") == "hello");
  CHECK(taken.stop() == 0);
  supervisor.rewrite_config({.workers = 2, .listen = {"127.0.0.1:0", added, taken.address()}});
  supervisor.signal(SIGHUP);
  supervisor.wait_for_idle(2);
  CHECK(ask(taken.address(), "hello") == "hello");
  CHECK(ask(added, "hello") == "hello");
}

TEST_CASE("FAULTS 168: an address that overlaps the one before takes its place under load") {
  PoolText pool{.command = {"supervisor-worker", "line"}, .workers = 2};
  SupervisorUnderTest supervisor(pool);
  const std::string address = supervisor.address();
  const std::string port = address.substr(address.rfind(':') + 1);
  Load load(address, "S 500\n", 4);
  for (const std::string& next : {":" + port, "127.0.0.1:" + port, ":" + port}) {
    load.wait_for_answers(20);
    pool.listen = {next};
    supervisor.rewrite_config(pool);
    supervisor.signal(SIGHUP);
    supervisor.wait_for_event("reload");
    CHECK(supervisor.pool().listeners == 1);
  }
  load.wait_for_answers(20);
  CHECK(load.stop().flawless());
  CHECK(supervisor.count_in_log("listening on") == 4);
}

TEST_CASE("workers are replaced under load without a failed connection") {
  PoolText pool{.command = {"supervisor-worker", "line"}, .workers = 4};
  SupervisorUnderTest supervisor(pool);
  Load load(supervisor.address(), "S 500\n", 4);
  std::vector<pid_t> pids = supervisor
                                .wait_for_pool("four are ready",
                                               [](const PoolTable& now) {
                                                 return now.workers.size() == 4 && now.count("starting") == 0;
                                               })
                                .pids();
  for (unsigned generation = 2; generation <= 6; ++generation) {
    load.wait_for_answers(20);
    pool.more = R"("environment": {"ROUND": ")" + std::to_string(generation) + "\"}";
    supervisor.rewrite_config(pool);
    supervisor.signal(SIGHUP);
    supervisor.wait_for_pool("all are of the new generation", [&](const PoolTable& now) {
      bool all = now.workers.size() == 4 && now["workers"] == 4;
      for (const WorkerText& worker : now.workers) all = all && worker.generation == generation;
      return all;
    });
  }
  load.wait_for_answers(20);
  const Load::Tally tally = load.stop();
  CHECK(tally.flawless());
  CHECK(tally.answered > 100);
  const PoolTable after = supervisor.wait_for_pool(
      "all are served", [&](const PoolTable& now) { return now["served"] == tally.answered; });
  CHECK(after["redispatched"] == 0);
  for (const pid_t pid : pids) CHECK_FALSE(is_alive(pid));
}

TEST_CASE("a new command that does not work leaves the old workers serving, until it is mended") {
  PoolText pool{.command = {"supervisor-worker", "line"}, .workers = 3};
  SupervisorUnderTest supervisor(pool);
  const std::vector<pid_t> pids = supervisor.wait_for_idle(3).pids();
  Load load(supervisor.address(), "W 0\n", 2);
  SUBCASE("it exits at once") { pool.command = {"/bin/false"}; }
  SUBCASE("it never gets ready") { pool.command = scripted({"gate:never"}); }
  supervisor.rewrite_config(pool);
  supervisor.signal(SIGHUP);
  supervisor.wait_for_event("rollout", where("stage", pool.command[0] == "/bin/false" ? "failed" : "trial"));
  load.wait_for_answers(100);
  const PoolTable meanwhile = supervisor.pool();
  for (const pid_t pid : pids) {
    const auto found = meanwhile.pids();
    CHECK(std::find(found.begin(), found.end(), pid) != found.end());
  }
  pool.command = {"supervisor-worker", "line"};
  pool.more = R"("environment": {"MENDED": "1"})";
  supervisor.rewrite_config(pool);
  supervisor.signal(SIGHUP);
  supervisor.wait_for_pool("new ones have taken over", [](const PoolTable& now) {
    bool all = now.workers.size() == 3 && now["workers"] == 3;
    for (const WorkerText& worker : now.workers) all = all && worker.generation == 3;
    return all;
  });
  CHECK(load.stop().flawless());
}
