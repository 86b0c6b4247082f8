// The real spawner starts real processes; /proc tells their attributes.
#include "supervisor/spawner/spawner.h"

#include <doctest/doctest.h>
#include <fcntl.h>
#include <linux/keyctl.h>
#include <poll.h>
#include <sched.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <csignal>
#include <cstdlib>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "tests/config/temp_directory.h"
#include "tests/proto/open_descriptors.h"
#include "tests/support/eventually.h"
#include "tests/support/spawned.h"

namespace prefork {
namespace {

using namespace test;

Launch sleeping() {
  return {.executable = "/bin/sleep", .argv = {"sleep", "60"}, .environment = {}, .directory = ""};
}

/// How starting `launch` fails, in words.
std::string failure(const Launch& launch) {
  Spawning spawning;
  const std::optional<LaunchReply> reply = spawning.fail(launch);
  return reply ? describe_failure(*reply, launch) : "it did not fail";
}

TEST_CASE("FAULTS 35: a started process has descriptors 0 to 3 and nothing else") {
  const Fd leak(::dup(STDOUT_FILENO));  // not close-on-exec, as a careless library would leave it
  Spawning spawning;
  const Spawned process(spawning.start(sleeping()));
  // The program's loader opens libraries for a moment.
  CHECK(holds_within(kPatience, [&] { return process.descriptors() == std::vector<int>{0, 1, 2, 3}; }));
  CHECK(process.link("fd/0") == "/dev/null");
  CHECK(process.link("fd/3").starts_with("socket:"));
}

TEST_CASE("FAULTS 38: a started process has the default mask and dispositions, whatever its ancestors had") {
  sigset_t odd;
  sigset_t former;
  sigemptyset(&odd);
  sigaddset(&odd, SIGTERM);
  sigaddset(&odd, SIGUSR2);
  REQUIRE(::sigprocmask(SIG_BLOCK, &odd, &former) == 0);
  const auto hup = ::signal(SIGHUP, SIG_IGN);
  const auto pipe = ::signal(SIGPIPE, SIG_IGN);
  {
    Spawning spawning;
    const Spawned process(spawning.start(sleeping()));
    CHECK(process.status("SigBlk") == "0000000000000000");
    CHECK(process.status("SigIgn") == "0000000000000000");
    CHECK(process.status("SigCgt") == "0000000000000000");
  }
  (void)::signal(SIGHUP, hup);
  (void)::signal(SIGPIPE, pipe);
  REQUIRE(::sigprocmask(SIG_SETMASK, &former, nullptr) == 0);
}

TEST_CASE("a started process is the caller's own child, in a session of its own") {
  Spawning spawning;
  const Spawned process(spawning.start(sleeping()));
  CHECK(process.status("PPid") == std::to_string(::getpid()));
  CHECK(::getsid(process.pid()) == process.pid());
}

TEST_CASE(
    "a started process has the caller's environment, less what another supervisor left, with additions over "
    "it") {
  (void)::setenv("SUPERVISOR_LEFTOVER", "1", 1);
  (void)::setenv("SPAWN_TEST_KEPT", "kept", 1);
  (void)::setenv("SPAWN_TEST_CHANGED", "before", 1);
  Spawning spawning;
  Launch launch = sleeping();
  launch.environment = {"SPAWN_TEST_CHANGED=after", "SUPERVISOR_CHANNEL=3", "SPAWN_TEST=short"};
  const Spawned process(spawning.start(launch));
  const std::vector<std::string> environment = process.environment();
  const auto count = [&](const std::string& entry) {
    return std::count(environment.begin(), environment.end(), entry);
  };
  CHECK(count("SUPERVISOR_LEFTOVER=1") == 0);
  CHECK(count("SPAWN_TEST_KEPT=kept") == 1);
  CHECK(count("SPAWN_TEST_CHANGED=before") == 0);
  CHECK(count("SPAWN_TEST_CHANGED=after") == 1);
  CHECK(count("SUPERVISOR_CHANNEL=3") == 1);
  CHECK(count("SPAWN_TEST=short") == 1);
  for (const char* name : {"SUPERVISOR_LEFTOVER", "SPAWN_TEST_KEPT", "SPAWN_TEST_CHANGED"})
    (void)::unsetenv(name);
}

TEST_CASE(
    "FAULTS 400: a started process is told of no channel of a Node program that started the supervisor") {
  const char* const names[] = {"NODE_CHANNEL_FD", "NODE_CHANNEL_SERIALIZATION_MODE", "NODE_UNIQUE_ID"};
  for (const char* name : names) (void)::setenv(name, "5", 1);
  Spawning spawning;
  Launch launch = sleeping();
  launch.environment = {"NODE_CHANNEL_FD=3"};
  const Spawned process(spawning.start(launch));
  for (const char* name : names) (void)::unsetenv(name);
  std::vector<std::string> environment = process.environment();
  std::erase_if(environment, [](const std::string& one) {
    return !one.starts_with("NODE_CHANNEL") && !one.starts_with("NODE_UNIQUE");
  });
  CHECK(environment == std::vector<std::string>{"NODE_CHANNEL_FD=3"});
}

TEST_CASE("a started process is in the directory that it was given, with the arguments that it was given") {
  const TempDirectory directory;
  Spawning spawning;
  Launch launch = sleeping();
  launch.argv = {"a name of its own", "60"};
  launch.directory = directory.path();
  const Spawned process(spawning.start(launch));
  CHECK(process.link("cwd") == directory.path());
  CHECK(process.text("cmdline") == std::string("a name of its own\0"
                                               "60\0",
                                               21));
}

TEST_CASE(
    "FAULTS 129: a started process is in the pinned directory, or in the configured one when that is gone") {
  const TempDirectory pinned;
  const TempDirectory configured;
  Spawning spawning;
  Launch launch = sleeping();
  launch.directory = configured.path();
  launch.pin.directory = pinned.path();
  const Spawned process(spawning.start(launch));
  CHECK(process.link("cwd") == pinned.path());
  launch.pin.directory = pinned.at("gone");
  const Spawned other(spawning.start(launch));
  CHECK(other.link("cwd") == configured.path());
}

TEST_CASE("a started process is scheduled as the caller, or as a batch process when that is asked for") {
  Spawning spawning;
  Launch launch = sleeping();
  CHECK(::sched_getscheduler(Spawned(spawning.start(launch)).pid()) == ::sched_getscheduler(0));
  launch.batch = true;
  CHECK(::sched_getscheduler(Spawned(spawning.start(launch)).pid()) == SCHED_BATCH);
}

TEST_CASE("FAULTS 64: a started process has the niceness, oom_score_adj and umask that it was given") {
  Spawning spawning;
  Launch launch = sleeping();
  launch.nice = 7;
  launch.oom_score_adj = 432;
  launch.umask = 027;
  const Spawned process(spawning.start(launch));
  CHECK(::getpriority(PRIO_PROCESS, static_cast<id_t>(process.pid())) == 7);
  CHECK(process.text("oom_score_adj") == "432\n");
  CHECK(process.status("Umask") == "0027");
}

TEST_CASE("a started process has the limits that it was given") {
  Spawning spawning;
  Launch launch = sleeping();
  launch.limits = {{RLIMIT_CORE, "core", 0, 4096}, {RLIMIT_NOFILE, "nofile", 99, 100}};
  const Spawned process(spawning.start(launch));
  rlimit given{};
  REQUIRE(::prlimit(process.pid(), RLIMIT_CORE, nullptr, &given) == 0);
  CHECK(given.rlim_cur == 0);
  CHECK(given.rlim_max == 4096);
  REQUIRE(::prlimit(process.pid(), RLIMIT_NOFILE, nullptr, &given) == 0);
  CHECK(given.rlim_cur == 99);
  CHECK(given.rlim_max == 100);
}

TEST_CASE("no started process can gain privileges, whether or not it is another user's") {
  Spawning spawning;
  CHECK(Spawned(spawning.start(sleeping())).status("NoNewPrivs") == "1");
}

TEST_CASE("what a started process writes goes to the descriptor that was sent for it") {
  Spawning spawning;
  Launch launch = sleeping();
  launch.captured = true;
  const Spawned process(spawning.start(launch));
  CHECK(process.link("fd/1").starts_with("pipe:"));
  CHECK(process.link("fd/2") == process.link("fd/1"));
  CHECK(holds_within(kPatience, [&] { return process.descriptors() == std::vector<int>{0, 1, 2, 3}; }));
}

TEST_CASE("a started process is another user, with that user's groups and no capabilities") {
  if (::geteuid() != 0) return;
  Spawning spawning;
  Launch launch = sleeping();
  launch.identity = LaunchIdentity{"them", 4711, 4712, {4712, 4713}};
  const Spawned process(spawning.start(launch));
  CHECK(process.status("Uid") == "4711\t4711\t4711\t4711");
  CHECK(process.status("Gid") == "4712\t4712\t4712\t4712");
  CHECK(process.status("Groups") == "4712 4713 ");
  for (const char* set : {"CapInh", "CapPrm", "CapEff", "CapAmb"})
    CHECK(process.status(set) == "0000000000000000");
  CHECK(process.status("NoNewPrivs") == "1");
}

/// The serial number of a process's session keyring, as the process itself says it.
std::string session_keyring_of(const Spawned& process) {
  pollfd state{.fd = process.channel(), .events = POLLIN, .revents = 0};
  REQUIRE(::poll(&state, 1, 20'000) == 1);
  std::array<char, 64> text{};
  const ssize_t size = ::read(process.channel(), text.data(), text.size());
  REQUIRE(size > 0);
  return {text.data(), static_cast<std::size_t>(size)};
}

TEST_CASE("FAULTS 74: a started process of another user has a session keyring of its own") {
  if (::geteuid() != 0) return;
  const long own = ::syscall(SYS_keyctl, KEYCTL_JOIN_SESSION_KEYRING, nullptr);
  if (own < 0) return;  // no keys here
  Launch launch = sleeping();
  launch.executable = "/usr/bin/perl";
  launch.argv = {"perl", "-e",
                 "open(my $out, '>&=', 3); syswrite($out, syscall(" + std::to_string(SYS_keyctl) +
                     ", 0, -3, 0)); sleep(60)"};
  Spawning spawning;
  const Spawned same_user(spawning.start(launch));
  launch.identity = LaunchIdentity{"them", 4711, 4711, {4711}};
  const Spawned one(spawning.start(launch));
  const Spawned other(spawning.start(launch));
  CHECK(session_keyring_of(same_user) == std::to_string(own));
  const std::string first = session_keyring_of(one);
  const std::string second = session_keyring_of(other);
  CHECK(std::atol(first.c_str()) > 0);
  CHECK(first != std::to_string(own));
  CHECK(second != std::to_string(own));
  CHECK(first != second);
}

TEST_CASE("a started process enters its directory as its user") {
  if (::geteuid() != 0) return;
  const TempDirectory directory;  // mode 0700
  Launch launch = sleeping();
  launch.identity = LaunchIdentity{"them", 4711, 4711, {4711}};
  launch.directory = directory.path();
  CHECK(failure(launch) == "change to directory " + directory.path() + ": Permission denied");
}

TEST_CASE("a spawner that has renounced root starts no worker as root, and others still") {
  if (::geteuid() != 0) return;
  Spawning spawning;
  spawning.renounce_root();
  const auto reply = spawning.ask(encode_request(LaunchKey{.pool = 1, .worker = 2}, sleeping()));
  REQUIRE(reply);
  CHECK(reply->step == LaunchStep::kRefused);
  CHECK(describe_failure(*reply, sleeping()) ==
        "start as root, which the supervisor has given up: Operation not permitted");
  Launch launch = sleeping();
  launch.identity = LaunchIdentity{"them", 4711, 4711, {4711}};
  CHECK(Spawned(spawning.start(launch)).pid() > 0);
}

TEST_CASE("a started process has the limit of descriptors that the spawner was given") {
  rlimit limit{};
  REQUIRE(::getrlimit(RLIMIT_NOFILE, &limit) == 0);
  limit.rlim_cur = 777;
  Spawning spawning(limit);
  const Spawned process(spawning.start(sleeping()));
  rlimit given{};
  REQUIRE(::prlimit(process.pid(), RLIMIT_NOFILE, nullptr, &given) == 0);
  CHECK(given.rlim_cur == 777);
}

TEST_CASE("the end of its channel is what a started process has at descriptor 3") {
  Spawning spawning;
  Launch launch = sleeping();
  launch.executable = "/bin/sh";
  launch.argv = {"sh", "-c", "echo hello >&3; read end <&3; true"};
  const Spawned process(spawning.start(launch));
  pollfd state{.fd = process.channel(), .events = POLLIN, .revents = 0};
  REQUIRE(::poll(&state, 1, 20'000) == 1);
  std::array<char, 64> text{};
  CHECK(::read(process.channel(), text.data(), text.size()) == 6);
}

std::string failure_of(const std::string& executable) {
  return failure({.executable = executable, .argv = {"x"}, .environment = {}, .directory = ""});
}

TEST_CASE("FAULTS 28: each way in which a program cannot be run is told with step and reason") {
  const TempDirectory directory;
  const std::string at = "exec " + directory.path();
  CHECK(failure_of(directory.at("missing")) == at + "/missing: No such file or directory");
  CHECK(failure_of(directory.file("data", "text", 0644)) == at + "/data: Permission denied");
  CHECK(failure_of(directory.path()) == at + ": Permission denied");
  CHECK(failure_of(directory.file("script", "#!/no/such/interpreter\n", 0755)) ==
        at + "/script: No such file or directory");
  CHECK(failure_of(directory.file("nonsense", "\x7f\x45\x4cnonsense", 0755)) ==
        at + "/nonsense: Exec format error");
  Launch launch = sleeping();
  launch.directory = directory.at("nowhere");
  CHECK(failure(launch) == "change to directory " + directory.path() + "/nowhere: No such file or directory");
}

TEST_CASE("FAULTS 28: attributes that a process cannot have are told with step and reason") {
  Launch launch = sleeping();
  launch.limits = {{RLIMIT_CORE, "core", 0, 0}, {RLIMIT_NOFILE, "nofile", RLIM_INFINITY, RLIM_INFINITY}};
  CHECK(failure(launch) == "set the limit nofile: Operation not permitted");
  launch.limits.clear();
  launch.oom_score_adj = 1001;
  CHECK(failure(launch) == "set oom_score_adj to 1001: Invalid argument");
}

TEST_CASE("FAULTS 29: a process limit that is reached is told") {
  if (::geteuid() != 0) return;
  Launch launch = sleeping();
  launch.identity = LaunchIdentity{"them", 4713, 4713, {4713}};
  launch.limits = {{RLIMIT_NPROC, "nproc", 1, 1}};
  Spawning spawning;
  const Spawned first(spawning.start(launch));
  const Spawned second(spawning.start(launch));  // at setresuid() the kernel has not counted it yet
  const std::optional<LaunchReply> reply = spawning.fail(launch);
  REQUIRE(reply);
  CHECK(
      describe_failure(*reply, launch) ==
      "exec /bin/sleep: Resource temporarily unavailable (the user has as many processes as its limit nproc "
      "allows)");
}

TEST_CASE("FAULTS 28: a program that is being written is given a little time, and then told") {
  const TempDirectory directory;
  const std::string path = directory.file("busy", "#!/bin/sh\n", 0755);
  const Fd writer(::open(path.c_str(), O_WRONLY | O_CLOEXEC));
  CHECK(failure_of(path) == "exec " + path + ": Text file busy");
}

TEST_CASE(
    "FAULTS 35: a process that fails before its program runs leaves no descriptor behind and can be reaped") {
  Spawning spawning;
  const std::size_t before = open_descriptors();
  CHECK(spawning.fail({.executable = "/no/such/program", .argv = {"x"}, .environment = {}, .directory = ""}));
  CHECK(open_descriptors() == before);
  CHECK_FALSE(has_child_besides(spawning.pid()));
  const Spawned after(spawning.start(sleeping()));
  CHECK(after.pid() > 0);
}

TEST_CASE("a request that cannot be read is answered, and the spawner serves on") {
  Spawning spawning;
  const auto reply = spawning.ask(std::vector<std::byte>(17, std::byte{0xff}));
  REQUIRE(reply);
  CHECK(reply->step == LaunchStep::kRequest);
  CHECK(Spawned(spawning.start(sleeping())).pid() > 0);
}

TEST_CASE("the spawner ends when its socket is closed, and what it started lives on") {
  auto spawning = std::make_unique<Spawning>();
  const Spawned process(spawning->start(sleeping()));
  spawning.reset();  // waits for the end
  CHECK(::kill(process.pid(), 0) == 0);
}

TEST_CASE("a signal that comes before the program runs is not lost") {
  Spawning spawning;
  for (int i = 0; i < 100; ++i) {
    Spawned process(spawning.launch(sleeping()));
    REQUIRE(::kill(process.pid(), SIGTERM) == 0);
    REQUIRE(process.await_signal() == SIGTERM);
  }
}

TEST_CASE("FAULTS 70: a standby serves when the spawner is dead, and has a standby itself") {
  rlimit limit{};
  REQUIRE(::getrlimit(RLIMIT_NOFILE, &limit) == 0);
  limit.rlim_cur = 777;
  Spawning spawning(limit);
  for (int i = 0; i < 3; ++i) {
    spawning.fall_back();
    const Spawned process(spawning.start(sleeping()));
    CHECK(process.status("PPid") == std::to_string(::getpid()));
    CHECK(process.status("SigBlk") == "0000000000000000");
    CHECK(holds_within(kPatience, [&] { return process.descriptors() == std::vector<int>{0, 1, 2, 3}; }));
    rlimit given{};
    REQUIRE(::prlimit(process.pid(), RLIMIT_NOFILE, nullptr, &given) == 0);
    CHECK(given.rlim_cur == 777);
  }
}

TEST_CASE("FAULTS 70: what the spawner has renounced its standby has renounced as well") {
  if (::geteuid() != 0) return;
  Spawning spawning;
  spawning.renounce_root();
  spawning.fall_back();
  const auto reply = spawning.ask(encode_request(LaunchKey{.pool = 1, .worker = 2}, sleeping()));
  REQUIRE(reply);
  CHECK(reply->step == LaunchStep::kRefused);
}

TEST_CASE("the spawner ignores the signals that are meant for the supervisor") {
  Spawning spawning;
  const Spawned before(spawning.start(sleeping()));
  for (const int number : {SIGHUP, SIGINT, SIGTERM, SIGUSR1, SIGTTIN})
    REQUIRE(::kill(spawning.pid(), number) == 0);
  CHECK(Spawned(spawning.start(sleeping())).pid() > 0);
}

}  // namespace
}  // namespace prefork
