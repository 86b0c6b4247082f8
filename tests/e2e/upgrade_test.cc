// SIGUSR2: a new program takes over in the same process, and nobody notices; one that cannot changes nothing.
#include <doctest/doctest.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <climits>
#include <csignal>
#include <fstream>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "tests/e2e/load.h"
#include "tests/support/client.h"
#include "tests/support/supervisor_under_test.h"
#include "tests/support/test_directory.h"

using namespace prefork;
using namespace prefork::test;

namespace {

/// A place for the program that a supervisor is started from, and in which another can be put.
class Program {
 public:
  Program() {
    // A supervisor that has given up root must find it, too.
    REQUIRE(::chmod(directory_.path().c_str(), 0755) == 0);
    use_built();
  }
  [[nodiscard]] std::string path() const { return directory_.at("supervisor"); }

  /// A symbolic link, as deployments have it.
  void use_built() const { link_to(SupervisorUnderTest::built_program()); }
  /// The same program as another file; returns its path.
  std::string use_copy(const std::string& name) const {
    const std::string copy = directory_.at(name);
    REQUIRE(::system(("cp '" + SupervisorUnderTest::built_program() + "' '" + copy + "'").c_str()) == 0);
    link_to(copy);
    return copy;
  }
  void use_script(const std::string& text, mode_t mode = 0755) const {
    (void)directory_.write("supervisor", text, mode);
  }
  void remove() const { (void)::unlink(path().c_str()); }

 private:
  void link_to(const std::string& target) const {
    const std::string fresh = directory_.at("fresh");
    REQUIRE(::symlink(target.c_str(), fresh.c_str()) == 0);
    REQUIRE(::rename(fresh.c_str(), path().c_str()) == 0);
  }

  TestDirectory directory_;
};

std::unique_ptr<SupervisorUnderTest> start(const Program& program, const std::string& config,
                                           std::size_t listeners = 1) {
  SupervisorUnderTest::Options options;
  options.listeners = listeners;
  options.program = program.path();
  return std::make_unique<SupervisorUnderTest>(config, options);
}

void upgrade(SupervisorUnderTest& supervisor) {
  const std::size_t before = supervisor.count_in_log("has taken over from");
  supervisor.signal(SIGUSR2);
  supervisor.wait_for_log("has taken over from", before + 1);
}

std::string program_of(pid_t pid) {
  std::array<char, PATH_MAX> target{};
  const ssize_t size =
      ::readlink(("/proc/" + std::to_string(pid) + "/exe").c_str(), target.data(), target.size());
  return size < 0 ? "" : std::string(target.data(), static_cast<std::size_t>(size));
}

/// Hands the state that it examines on to the real program, after `change` to its bytes.
std::string with_changed_state(const std::string& real, const std::string& change) {
  return R"(#!/usr/bin/python3
import fcntl, os, sys, zlib
state = bytearray(os.pread(3, 1 << 24, 0))
)" + change +
         R"(
other = os.memfd_create("state", os.MFD_ALLOW_SEALING)
os.write(other, state)
fcntl.fcntl(other, 1033, 15)
os.dup2(other, 3)
os.execv(")" +
         real + R"(", ["supervisor", "--adopt-check", "3"])
)";
}

constexpr const char* kOtherFormat = "state[8] = 99";
/// The spawner speaks otherwise than the real program does.
constexpr const char* kOtherSpawner = R"(name = b"launch_format"
state[state.index(name) + len(name)] = 9
state[12:16] = zlib.crc32(state[24:]).to_bytes(4, "little"))";

/// Says what the real program says, and then does something to itself.
std::string real_check_and(const std::string& command) {
  return "#!/bin/sh\n" + SupervisorUnderTest::built_program() + " \"$@\" || exit 1\n" + command + "\n";
}

/// Answers "a" to its first client's first byte, and "b" when the gate is open; then it serves as an echo.
std::vector<std::string> waits_at_gate() {
  return scripted(
      {"ready", "recv", "busy", "read:1", "write:a", "gate:go", "write:b", "shutdown", "close", "idle"});
}

std::unique_ptr<Client> begin(const std::string& address) {
  auto client = std::make_unique<Client>(address);
  client->send("?");
  REQUIRE(client->receive(1) == "a");
  return client;
}

}  // namespace

TEST_CASE("FAULTS 65: a new program that cannot take over changes nothing, and the log says why") {
  const Program program;
  const auto supervisor = start(program, PoolText{.workers = 2}.text());
  const std::vector<pid_t> workers = supervisor->wait_for_idle(2).pids();
  const std::size_t descriptors = descriptors_of(supervisor->pid());
  std::size_t refusals = 0;
  const auto refused = [&](const std::string& why) {
    INFO(why);
    supervisor->signal(SIGUSR2);
    const std::string line = supervisor->wait_for_log("upgrade refused", ++refusals);
    CHECK_MESSAGE(line.find(why) != std::string::npos, line);
    CHECK(ask(supervisor->address(), "hello") == "hello");
    CHECK(supervisor->pool().pids() == workers);
    eventually("nothing of it is left", [&] {
      return children_of(supervisor->pid()).size() == 4 && descriptors_of(supervisor->pid()) == descriptors;
    });
  };
  program.remove();
  refused("No such file or directory");
  program.use_script("#!/bin/sh\n", 0644);
  refused("Permission denied");
  program.use_script("no program\n");
  refused("Exec format error");
  program.use_script("#!/no/such/interpreter\n");
  refused("No such file or directory");
  program.use_script("#!/bin/sh\nexit 3\n");
  refused("exited with status 3 and said nothing");
  program.use_script("#!/bin/sh\nexit 0\n");
  refused("exited with status 0 and said nothing");
  program.use_script("#!/bin/sh\necho adopts the state: but dies; exit 1\n");
  refused("exited with status 1: adopts the state: but dies");
  program.use_script("#!/bin/sh\necho libnew.so: cannot open shared object file >&2; exit 127\n");
  refused("exited with status 127: libnew.so: cannot open shared object file");
  program.use_script("#!/bin/sh\nkill -SEGV $$\n");
  refused("killed by signal 11");
  program.use_script("#!/bin/sh\nsleep 1000 & exit 4\n");
  refused("exited with status 4");
  program.use_script("#!/bin/sh\nyes | head -c 3000000; exit 5\n");
  refused("exited with status 5: y");
  program.use_script(with_changed_state(SupervisorUnderTest::built_program(), kOtherFormat));
  refused("the state is of format 99, and this program understands format");
  program.use_script(with_changed_state(SupervisorUnderTest::built_program(), kOtherSpawner));
  refused("its seccomp filter, and so would the workers: restart it instead");
  program.use_script(real_check_and("touch \"$0\""));
  refused("was replaced once more while it was examined");
  program.use_script(real_check_and("rm \"$0\""));
  refused("No such file or directory");
  program.use_built();
  upgrade(*supervisor);
  CHECK(supervisor->pool().pids() == workers);
}

TEST_CASE("FAULTS 65: when the exec itself fails everything is as before, and no worker inherits anything") {
  const Program program;
  const auto supervisor = start(program, PoolText{.workers = 2}.text());
  const std::vector<pid_t> workers = supervisor->wait_for_idle(2).pids();
  const std::size_t descriptors = descriptors_of(workers[0]);
  program.use_script(real_check_and("chmod 000 \"$0\""));
  supervisor->signal(SIGUSR2);
  const std::string line = supervisor->wait_for_log("upgrade refused");
  CHECK_MESSAGE(line.find("exec " + program.path() + ": Permission denied") != std::string::npos, line);
  REQUIRE(::kill(workers[0], SIGKILL) == 0);
  const PoolTable after = supervisor->wait_for_pool("another has taken its place", [](const PoolTable& pool) {
    return pool["crashes"] + pool["start_failures"] == 1 && pool.count("idle") == 2;
  });
  for (const pid_t pid : after.pids()) CHECK(descriptors_of(pid) == descriptors);
  CHECK(supervisor->stop() == 0);
}

TEST_CASE(
    "FAULTS 65: a new program that hangs is ended after ten seconds; meanwhile all goes on, and no second "
    "upgrade begins") {
  const Program program;
  const auto supervisor = start(program, PoolText{}.text());
  supervisor->wait_for_idle(1);
  program.use_script("#!/bin/sh\nexec >&- 2>&-\nsleep 1000\n");
  supervisor->signal(SIGUSR2);
  supervisor->wait_for_log("upgrade: examining");
  supervisor->signal(SIGUSR2);
  CHECK(supervisor->wait_for_log("upgrade refused").find("another upgrade is under way") !=
        std::string::npos);
  supervisor->rewrite_config({.workers = 2});
  supervisor->signal(SIGHUP);
  supervisor->wait_for_idle(2);
  CHECK(ask(supervisor->address(), "hello") == "hello");
  const std::string line = supervisor->wait_for_log("upgrade refused", 2);
  CHECK_MESSAGE(line.find("has not answered within 10 s") != std::string::npos, line);
  program.use_built();
  upgrade(*supervisor);
  CHECK(ask(supervisor->address(), "hello") == "hello");
}

TEST_CASE("FAULTS 65: a supervisor that is being stopped is not upgraded") {
  const Program program;
  const auto supervisor = start(program, PoolText{.command = waits_at_gate()}.text());
  const auto client = begin(supervisor->address());
  supervisor->signal(SIGTERM);
  supervisor->wait_for_log("stopping");
  supervisor->signal(SIGUSR2);
  CHECK(supervisor->wait_for_log("upgrade refused").find("the supervisor is stopping") != std::string::npos);
  supervisor->gates().open("go");
  CHECK(client->receive() == "b");
  CHECK(supervisor->await_exit() == 0);
}

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
  const StatusText before = supervisor->status();
  const std::size_t descriptors = descriptors_of(supervisor->pid());

  const std::string new_program = program.use_copy("newer");
  upgrade(*supervisor);
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
  CHECK(descriptors_of(supervisor->pid()) == descriptors);

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
    upgrade(*supervisor);
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
    upgrade(*supervisor);
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
    supervisor->wait_for_log("takes over", i);
    supervisor->signal(SIGTTIN);
    supervisor->wait_for_log("has taken over from", i);
    supervisor->wait_for_idle(1 + i);
  }
  supervisor->signal(SIGUSR2);
  supervisor->wait_for_log("takes over", 11);
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
  upgrade(*supervisor);
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
  supervisor->wait_for_log("pool leaves: not in the configuration any more");
  upgrade(*supervisor);
  upgrade(*supervisor);
  supervisor->gates().open("go");
  CHECK(client->receive() == "b");
  supervisor->wait_for_log("pool leaves: stopped");
  eventually("it is gone", [&] { return supervisor->status().pools.size() == 1; });
  CHECK(ask(supervisor->address(1), "hello") == "hello");
}

TEST_CASE("FAULTS 66: the control socket listens on, and events are counted on") {
  const Program program;
  const auto supervisor = start(program, PoolText{.control = true}.text());
  supervisor->wait_for_idle(1);
  const std::string at = "unix:" + supervisor->control();
  const auto asked = [&](const std::string& method) {
    Client client(at);
    client.send(R"({"jsonrpc":"2.0","id":1,"method":")" + method + "\"}\n");
    client.finish();
    return client.receive();
  };
  const std::string subscribed = asked("subscribe");
  upgrade(*supervisor);
  CHECK(asked("status").find("\"result\"") != std::string::npos);
  CHECK(asked("subscribe") == subscribed);
  CHECK(supervisor->stop() == 0);
  CHECK(::access(supervisor->control().c_str(), F_OK) != 0);
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
  upgrade(*supervisor);
  upgrade(*supervisor);
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
  upgrade(*supervisor);
  CHECK(supervisor->wait_for_idle(3)["configured"] == 2);
  supervisor->signal(SIGHUP);
  supervisor->wait_for_log("reload refused");
  CHECK(ask(supervisor->address(), "hello") == "hello");
  SupervisorUnderTest::Options second;
  second.await_start = false;
  second.config_file = supervisor->config_file();
  supervisor->rewrite_config({.workers = 2});
  supervisor->signal(SIGHUP);
  supervisor->wait_for_log("reloaded");
  upgrade(*supervisor);
  SupervisorUnderTest other("", second);
  CHECK(other.await_exit() == 2);
  CHECK(other.log().find("another supervisor runs with this configuration") != std::string::npos);
}
