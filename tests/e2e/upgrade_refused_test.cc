// SIGUSR2 with a new program that cannot take over: nothing changes, and the log says why.
#include <doctest/doctest.h>
#include <sys/resource.h>

#include <csignal>
#include <string>
#include <vector>

#include "tests/commands/answering_server.h"
#include "tests/e2e/program.h"
#include "tests/support/client.h"
#include "tests/support/command.h"
#include "tests/support/supervisor_under_test.h"
#include "tests/support/test_directory.h"

using namespace prefork;
using namespace prefork::test;

namespace {

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

}  // namespace

TEST_CASE("FAULTS 65: a new program that cannot take over changes nothing, and the log says why") {
  const Program program;
  const auto supervisor = start(program, PoolText{.workers = 2}.text());
  const std::vector<pid_t> workers = supervisor->wait_for_idle(2).pids();
  const std::size_t descriptors = descriptors_of(supervisor->pid());
  const auto refused = [&](const std::string& why) {
    INFO(why);
    supervisor->signal(SIGUSR2);
    const std::string said = supervisor->wait_for_event("upgrade_refused").text("text");
    CHECK_MESSAGE(said.find(why) != std::string::npos, said);
    CHECK(supervisor->count_in_log(said + '\n') > 0);
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
  supervisor->upgrade();
  CHECK(supervisor->pool().pids() == workers);
}

TEST_CASE("FAULTS 65: when the exec itself fails everything is as before, and no worker inherits anything") {
  const Program program;
  const auto supervisor = start(program, PoolText{.workers = 2}.text());
  const std::vector<pid_t> workers = supervisor->wait_for_idle(2).pids();
  const std::size_t descriptors = descriptors_of(workers[0]);
  program.use_script(real_check_and("chmod 000 \"$0\""));
  supervisor->signal(SIGUSR2);
  const std::string why = supervisor->wait_for_event("upgrade_refused").text("text");
  CHECK_MESSAGE(why.find("exec " + program.path() + ": Permission denied") != std::string::npos, why);
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
  // The spawners, the worker, and what is examined.
  eventually("it is examined", [&] { return children_of(supervisor->pid()).size() == 4; });
  supervisor->signal(SIGUSR2);
  // Logged only: an event would be taken for the verdict on the first one.
  supervisor->wait_for_log(" warning upgrade: the request is refused: another upgrade is under way\n");
  supervisor->rewrite_config({.workers = 2});
  supervisor->signal(SIGHUP);
  supervisor->wait_for_idle(2);
  CHECK(ask(supervisor->address(), "hello") == "hello");
  const std::string why = supervisor->wait_for_event("upgrade_refused").text("text");
  CHECK_MESSAGE(why.find("has not answered within 10 s") != std::string::npos, why);
  program.use_built();
  supervisor->upgrade();
  CHECK(ask(supervisor->address(), "hello") == "hello");
}

TEST_CASE("FAULTS 65: a supervisor that is being stopped is not upgraded") {
  const Program program;
  const auto supervisor = start(program, PoolText{.command = waits_at_gate()}.text());
  const auto client = begin(supervisor->address());
  supervisor->signal(SIGTERM);
  eventually("it stops", [&] { return supervisor->status().stopping; });
  supervisor->signal(SIGUSR2);
  CHECK(supervisor->wait_for_event("upgrade_refused").text("text") == "the supervisor is stopping");
  CHECK(supervisor->wait_for_log("upgrade refused")
            .ends_with(" error   upgrade refused: the supervisor is stopping"));
  supervisor->gates().open("go");
  CHECK(client->receive() == "b");
  CHECK(supervisor->await_exit() == 0);
}

TEST_CASE("FAULTS 92: a state above the limit of a file's size is refused, and does not end the supervisor") {
  const Program program;
  SupervisorUnderTest supervisor(PoolText{}.text(), {.in_child =
                                                         [] {
                                                           constexpr rlimit kLimit{.rlim_cur = 500,
                                                                                   .rlim_max = 500};
                                                           (void)::setrlimit(RLIMIT_FSIZE, &kLimit);
                                                         },
                                                     .program = program.path()});
  const PoolTable before = supervisor.wait_for_idle(1);
  supervisor.signal(SIGUSR2);
  const std::string line = supervisor.wait_for_log("upgrade refused");
  CHECK_MESSAGE(line.find("write the state: File too large") != std::string::npos, line);
  CHECK(ask(supervisor.address(), "hello") == "hello");
  CHECK(supervisor.pool().pids() == before.pids());
}

TEST_CASE("FAULTS 197: a supervisor that was killed and started anew is not taken for the next program") {
  const TestDirectory directory;
  const AnsweringServer supervisors(
      directory.at("socket"),
      {R"({"result": {"seq": 0}})", R"({"result": {"pid": 7, "uptime_ms": 60000}})", R"({"result": {}})"},
      {R"({"result": {"pid": 7, "uptime_ms": 500, "version": "1"}})"});
  const CommandResult upgrade = run_supervisor({"upgrade", "--control", directory.at("socket")});
  CHECK(upgrade.status == 1);
  CHECK(upgrade.output.empty());
  CHECK(upgrade.errors ==
        "supervisor: not upgraded: the supervisor has stopped, and another one answers now\n");
}
