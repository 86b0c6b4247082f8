// SIGUSR2: a new program takes over in the same process, and no client notices.
#include <doctest/doctest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <climits>
#include <csignal>
#include <cstdio>
#include <fstream>
#include <memory>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "tests/e2e/load.h"
#include "tests/e2e/program.h"
#include "tests/support/client.h"
#include "tests/support/command.h"
#include "tests/support/log_lines.h"
#include "tests/support/supervisor_under_test.h"

using namespace prefork;
using namespace prefork::test;

namespace {

std::string program_of(pid_t pid) {
  std::array<char, PATH_MAX> target{};
  const ssize_t size =
      ::readlink(("/proc/" + std::to_string(pid) + "/exe").c_str(), target.data(), target.size());
  return size < 0 ? "" : std::string(target.data(), static_cast<std::size_t>(size));
}

}  // namespace

TEST_CASE("FAULTS 66: queued, busy and idle: an upgrade loses nothing, and everything goes on afterwards") {
  PoolText busy{.command = waits_at_gate(), .workers = 2};
  SUBCASE("our copy is closed with the receipt") {}
  SUBCASE("our copy is kept until the end") { busy.more = R"("hold": "done")"; }
  const Program program;
  const std::string socket_file = TestDirectory().path() + ".sock";
  const PoolText idle{.workers = 3, .listen = {"unix:" + socket_file}};
  const std::string config = pools_text({{"busy", busy}, {"idle", idle}});
  const auto supervisor = start(program, config, 2);
  const auto both_ready = [&] {
    const StatusText now = supervisor->status();
    return now.pool("busy").count("idle") == 2 && now.pool("idle").count("idle") == 3;
  };
  eventually("all are ready", both_ready);
  const std::string at = supervisor->address(0);
  std::vector<std::unique_ptr<Client>> begun;
  for (int i = 0; i < 2; ++i) begun.push_back(begin(at));
  std::vector<std::unique_ptr<Client>> queued;
  for (int i = 0; i < 100; ++i) {
    queued.push_back(std::make_unique<Client>(at));
    queued.back()->send("queued");
    queued.back()->finish();
  }
  eventually("they wait", [&] { return supervisor->status().pool("busy")["queue: now"] == 100; });
  CHECK(ask("unix:" + socket_file, "before") == "before");
  eventually("it is served", [&] { return supervisor->status().pool("idle")["served"] == 1; });
  const StatusText before = supervisor->status();
  const std::size_t descriptors = descriptors_of(supervisor->pid());

  const std::string new_program = program.use_copy("newer");
  supervisor->upgrade();
  CHECK(program_of(supervisor->pid()) == new_program);
  const StatusText after = supervisor->status();
  for (const char* name : {"busy", "idle"}) {
    CHECK(after.pool(name).pids() == before.pool(name).pids());
    for (const char* counter :
         {"accepted", "served", "dispatched", "begun", "queue: now", "with workers", "starts"}) {
      CAPTURE(counter);
      CHECK(after.pool(name)[counter] == before.pool(name)[counter]);
    }
  }
  eventually("no more descriptors are open than before",
             [&] { return descriptors_of(supervisor->pid()) <= descriptors; });

  supervisor->gates().open_for_good("go");
  for (auto& client : begun) CHECK(client->receive() == "b");
  for (auto& client : queued) CHECK(client->receive() == "queued");
  CHECK(ask("unix:" + socket_file, "after") == "after");
  eventually("all of them have been served", [&] {
    const PoolTable pool = supervisor->status().pool("busy");
    return pool["served"] == 102 && pool["accepted"] == 102 && pool["redispatched"] == 0;
  });

  const pid_t victim = supervisor->status().pool("idle").pids().front();
  REQUIRE(::kill(victim, SIGKILL) == 0);
  eventually("it is replaced", [&] {
    const PoolTable pool = supervisor->status().pool("idle");
    return pool["crashes"] + pool["start_failures"] == 1 && pool.count("idle") == 3;
  });
  supervisor->rewrite_config(pools_text({{"busy", busy}, {"idle", {.workers = 1, .listen = idle.listen}}}));
  supervisor->signal(SIGHUP);
  eventually("the reload counts", [&] { return supervisor->status().pool("idle").workers.size() == 1; });
  CHECK(supervisor->stop() == 0);
  CHECK(::access(socket_file.c_str(), F_OK) != 0);
}

TEST_CASE("FAULTS 66: twenty upgrades in a row under load: no connection fails, no worker is started anew") {
  const Program program;
  const auto supervisor =
      start(program, PoolText{.command = {"supervisor-worker", "line"}, .workers = 4}.text());
  const std::vector<pid_t> workers = supervisor->wait_for_idle(4).pids();
  const pid_t pid = supervisor->pid();
  Load load(supervisor->address(), "S 500\n", 8);
  for (int i = 0; i < 20; ++i) {
    load.wait_for_answers(50);
    supervisor->upgrade();
  }
  load.wait_for_answers(50);
  const Load::Tally tally = load.stop();
  const PoolTable after = supervisor->wait_for_idle(4);
  MESSAGE(tally.connected, " connections");
  CHECK(tally.flawless());
  CHECK(after.pids() == workers);
  CHECK(supervisor->status().pid == pid);
  CHECK(after["accepted"] == tally.connected);
  CHECK(after["served"] == tally.connected);
  CHECK(after["redispatched"] == 0);
  CHECK(after["starts"] == 4);
}

TEST_CASE("FAULTS 66: forked workers and their template survive, and more are forked afterwards") {
  const Program program;
  const PoolText pool{
      .command = {"supervisor-worker", "line"}, .workers = 3, .more = R"("start": "fork", "hold": "done")"};
  const auto supervisor = start(program, pool.text());
  const std::vector<pid_t> before = supervisor->wait_for_idle(3).pids();
  Load load(supervisor->address(), "S 500\n", 8);
  for (int i = 0; i < 5; ++i) {
    load.wait_for_answers(50);
    supervisor->upgrade();
  }
  CHECK(load.stop().flawless());
  CHECK(supervisor->wait_for_idle(3).pids() == before);
  REQUIRE(::kill(before.back(), SIGKILL) == 0);
  supervisor->wait_for_pool("another is forked", [](const PoolTable& now) {
    return now["crashes"] == 1 && now.count("idle") == 3;
  });
  CHECK(ask(supervisor->address(), "W 0\n").starts_with("OK "));
  CHECK(supervisor->stop() == 0);
}

TEST_CASE("FAULTS 66: signals that come during an upgrade are answered by the new program") {
  const Program program;
  const auto supervisor = start(program, PoolText{}.text());
  supervisor->wait_for_idle(1);
  for (std::size_t i = 1; i <= 10; ++i) {
    supervisor->signal(SIGUSR2);
    supervisor->wait_for_log(log_line::kProven, i);
    supervisor->signal(SIGTTIN);
    supervisor->await_upgrade();
    supervisor->wait_for_idle(1 + i);
  }
  supervisor->signal(SIGUSR2);
  supervisor->wait_for_log(log_line::kProven, 11);
  CHECK(supervisor->stop() == 0);
}

TEST_CASE("FAULTS 66: workers that are starting during an upgrade become ready afterwards") {
  const Program program;
  const auto supervisor =
      start(program, PoolText{.command = scripted({"mark:started", "gate:go"}), .workers = 3}.text());
  supervisor->gates().wait_for_marks("started", 3);
  Client early(supervisor->address());
  early.send("early");
  early.finish();
  supervisor->upgrade();
  supervisor->gates().open_for_good("go");
  CHECK(early.receive() == "early");
  const PoolTable pool = supervisor->wait_for_idle(3);
  CHECK(pool["starts"] == 3);
}

TEST_CASE("FAULTS 66: a pool that a reload has removed finishes under the new program") {
  const Program program;
  const PoolText pool{};
  const auto supervisor =
      start(program, pools_text({{"leaves", {.command = waits_at_gate()}}, {"stays", pool}}), 2);
  const auto client = begin(supervisor->address(0));
  supervisor->rewrite_config(pools_text({{"stays", pool}}));
  supervisor->signal(SIGHUP);
  CHECK(supervisor->wait_for_event("reload").flag("applied"));
  supervisor->upgrade();
  supervisor->upgrade();
  supervisor->gates().open("go");
  CHECK(client->receive() == "b");
  eventually("it is gone", [&] { return supervisor->status().pools.size() == 1; });
  CHECK(ask(supervisor->address(1), "hello") == "hello");
}

TEST_CASE("FAULTS 66: the control socket listens on, and events are counted on") {
  const Program program;
  const auto supervisor = start(program, PoolText{}.text());
  supervisor->wait_for_idle(1);
  const std::string at = "unix:" + supervisor->control();
  const auto asked = [&](const std::string& method) {
    Client client(at);
    client.send(R"({"jsonrpc":"2.0","id":1,"method":")" + method + "\"}\n");
    client.finish();
    return client.receive();
  };
  const auto last_event = [&] {
    return nlohmann::json::parse(asked("subscribe"))["result"]["seq"].get<int>();
  };
  const int before = last_event();
  supervisor->upgrade();
  CHECK(asked("status").find("\"result\"") != std::string::npos);
  CHECK(last_event() == before + 1);  // the upgrade itself
  CHECK(supervisor->stop() == 0);
  CHECK(::access(supervisor->control().c_str(), F_OK) != 0);
}

TEST_CASE("FAULTS 66: deaths, times, rollouts, reloads and upgrades are counted on") {
  using nlohmann::json;
  const Program program;
  const auto supervisor = start(program, PoolText{.workers = 2}.text());
  const auto status = [&] {
    const CommandResult result = run_supervisor({"status", "--json", "--control", supervisor->control()});
    REQUIRE(result.status == 0);
    return json::parse(result.output);
  };
  REQUIRE(::kill(supervisor->wait_for_idle(2).pids().at(0), SIGKILL) == 0);
  (void)supervisor->wait_for_event("worker_died");
  (void)supervisor->wait_for_idle(2);
  CHECK(ask(supervisor->address(), "hello") == "hello");
  (void)supervisor->wait_for_pool("it is served", [](const PoolTable& pool) { return pool["served"] == 1; });
  supervisor->rewrite_config("no configuration");
  supervisor->signal(SIGHUP);
  (void)supervisor->wait_for_event("reload");
  const json before = status();
  CHECK(before["reloads"] == json({{"applied", 0}, {"refused", 1}}));
  CHECK(before["pools"][0]["deaths"]["signaled"] == 1);
  CHECK(before["pools"][0]["histograms"]["busy_time"]["count"] == 1);
  supervisor->upgrade();
  const json after = status();
  CHECK(after["upgrades"] == json({{"succeeded", 1}, {"refused", 0}}));
  CHECK(after["reloads"] == before["reloads"]);
  for (const char* counted : {"deaths", "rollouts", "histograms", "counters"})
    CHECK(after["pools"][0][counted] == before["pools"][0][counted]);
}

TEST_CASE("FAULTS 101: the longest turn of the loop goes on through an upgrade, which counts as a turn") {
  const Program program;
  const auto supervisor = start(program, PoolText{.control = true}.text());
  supervisor->wait_for_idle(1);
  const auto milliseconds = [&](const std::string& key) {
    Client client("unix:" + supervisor->control());
    client.send("{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"status\"}\n");
    client.finish();
    const std::string answer = client.receive();
    const std::size_t at = answer.find("\"" + key + "\":");
    REQUIRE(at != std::string::npos);
    return std::stod(answer.substr(at + key.size() + 3));
  };
  const double before = milliseconds("longest_turn_ms");
  CHECK(before > 0);
  supervisor->upgrade();
  CHECK(milliseconds("longest_turn_ms") >= before);
  // No program is replaced and set up within a millisecond.
  CHECK(milliseconds("longest_turn_last_minute_ms") > 1);
}

TEST_CASE(
    "FAULTS 66: a supervisor that has given up root is upgraded as what it is, and starts workers as "
    "others") {
  if (::geteuid() != 0) return;
  const Program program;
  const auto supervisor =
      start(program, PoolText{.workers = 2, .more = R"("user": "4711", "group": "4712")"}.text());
  const std::vector<pid_t> workers = supervisor->wait_for_idle(2).pids();
  const auto identity = [](pid_t pid) {
    std::ifstream lines("/proc/" + std::to_string(pid) + "/status");
    std::string all;
    for (std::string line; std::getline(lines, line);) {
      for (const char* field : {"Uid:", "Gid:", "Groups:", "CapEff:", "CapPrm:", "CapBnd:", "NoNewPrivs:"}) {
        if (line.starts_with(field)) all += line + "\n";
      }
    }
    return all;
  };
  const std::string before = identity(supervisor->pid());
  const std::string of_worker = identity(workers[1]);
  supervisor->upgrade();
  supervisor->upgrade();
  CHECK(identity(supervisor->pid()) == before);
  REQUIRE(::kill(workers[0], SIGKILL) == 0);
  const PoolTable after = supervisor->wait_for_pool("another takes its place", [](const PoolTable& pool) {
    return pool["crashes"] + pool["start_failures"] == 1 && pool.count("idle") == 2;
  });
  for (const pid_t pid : after.pids()) CHECK(identity(pid) == of_worker);
  CHECK(supervisor->stop() == 0);
}

TEST_CASE("FAULTS 66: the configuration in force is carried over, not the file") {
  const Program program;
  const auto supervisor = start(program, PoolText{.workers = 2}.text());
  supervisor->wait_for_idle(2);
  supervisor->signal(SIGTTIN);
  supervisor->wait_for_idle(3);
  supervisor->rewrite_config(std::string("not a configuration"));
  supervisor->upgrade();
  CHECK(supervisor->wait_for_idle(3)["configured"] == 2);
  supervisor->signal(SIGHUP);
  CHECK_FALSE(supervisor->wait_for_event("reload").flag("applied"));
  CHECK(ask(supervisor->address(), "hello") == "hello");
  SupervisorUnderTest::Options second;
  second.await_start = false;
  second.config_file = supervisor->config_file();
  supervisor->rewrite_config({.workers = 2});
  supervisor->signal(SIGHUP);
  CHECK(supervisor->wait_for_event("reload").flag("applied"));
  supervisor->upgrade();
  SupervisorUnderTest other("", second);
  CHECK(other.await_exit() == 1);
  CHECK(other.log().find("control socket: listen unix:" + supervisor->control() +
                         ": Address already in use") != std::string::npos);
}

TEST_CASE("FAULTS 94: an upgrade succeeds while the workers' program and their directory are missing") {
  const Program program;
  const TestDirectory release;
  REQUIRE(::chmod(release.path().c_str(), 0755) == 0);
  (void)release.write("app", "#!/bin/sh\nexec supervisor-worker echo\n", 0755);
  const std::string away = release.path() + ".away";
  const PoolText pool{.command = {"./app"}, .workers = 2, .more = R"("directory": ")" + release.path() + '"'};
  const auto supervisor = start(program, pool.text());
  const std::vector<pid_t> workers = supervisor->wait_for_idle(2).pids();

  REQUIRE(::rename(release.path().c_str(), away.c_str()) == 0);
  supervisor->upgrade();
  supervisor->upgrade();
  CHECK(ask(supervisor->address(), "hello") == "hello");
  CHECK(supervisor->wait_for_idle(2).pids() == workers);

  REQUIRE(::rename(away.c_str(), release.path().c_str()) == 0);
  supervisor->signal(SIGHUP);
  supervisor->wait_for_log("pool main: reloaded, unchanged");
  REQUIRE(::kill(workers.front(), SIGKILL) == 0);
  supervisor->wait_for_pool("it is replaced", [](const PoolTable& now) {
    return now["crashes"] + now["start_failures"] == 1 && now.count("idle") == 2;
  });
}
