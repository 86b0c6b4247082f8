// A supervisor that is started in odd surroundings, by a careless parent.
#include <doctest/doctest.h>
#include <sys/resource.h>
#include <unistd.h>

#include <algorithm>
#include <csignal>
#include <filesystem>
#include <fstream>
#include <string>

#include "tests/e2e/connect.h"
#include "tests/support/client.h"
#include "tests/support/supervisor_under_test.h"

using namespace prefork::test;

namespace {

std::string status_of(pid_t pid, const std::string& field) {
  std::ifstream lines("/proc/" + std::to_string(pid) + "/status");
  for (std::string line; std::getline(lines, line);) {
    if (line.starts_with(field + ":\t")) return line.substr(field.size() + 2);
  }
  return "";
}

std::string descriptor_of(pid_t pid, int number) {
  return std::filesystem::read_symlink("/proc/" + std::to_string(pid) + "/fd/" + std::to_string(number))
      .string();
}

/// The worker, when its program runs; 0 while it does not.
pid_t worker_of(pid_t supervisor) {
  for (const ProcessStat& child : children_of(supervisor)) {
    if (child.name.starts_with("supervisor-work") && child.state != 'Z') return child.pid;
  }
  return 0;
}

pid_t await_worker(pid_t supervisor, pid_t other_than) {
  pid_t worker = 0;
  eventually("there is a worker", [&] {
    worker = worker_of(supervisor);
    return worker != 0 && worker != other_than;
  });
  return worker;
}

}  // namespace

TEST_CASE(
    "FAULTS 38: started with SIGCHLD ignored, all signals blocked and descriptors 0 to 2 closed, it works") {
  const TestDirectory directory;
  const std::string path = directory.at("pool.sock");
  SupervisorUnderTest supervisor(
      PoolText{.listen = {"unix:" + path}, .more = R"("output": "inherit")"}.text(),
      {.await_start = false, .in_child = [] {
         for (const int number : {SIGCHLD, SIGHUP, SIGTERM, SIGUSR1, SIGPIPE})
           (void)::signal(number, SIG_IGN);
         sigset_t all;
         sigfillset(&all);
         (void)::sigprocmask(SIG_SETMASK, &all, nullptr);
         for (const int number : {0, 1, 2}) (void)::close(number);
       }});
  eventually("it listens", [&] { return connect_unix(path).valid(); });
  CHECK(ask("unix:" + path, "hello") == "hello");
  for (const int number : {0, 1, 2}) CHECK(descriptor_of(supervisor.pid(), number) == "/dev/null");
  const pid_t worker = await_worker(supervisor.pid(), 0);
  CHECK(status_of(worker, "SigBlk") == "0000000000000000");
  CHECK(status_of(worker, "SigIgn") == "0000000000001000");  // SIGPIPE, by the worker's own wish
  for (const int number : {0, 1, 2}) CHECK(descriptor_of(worker, number) == "/dev/null");
  REQUIRE(::kill(worker, SIGKILL) == 0);
  await_worker(supervisor.pid(), worker);
  CHECK(ask("unix:" + path, "hello") == "hello");
  eventually("the dead one is reaped", [&] { return process_stat(worker).state == '?'; });
  supervisor.signal(SIGHUP);
  CHECK(ask("unix:" + path, "hello") == "hello");
  supervisor.signal(SIGTERM);
  CHECK(supervisor.await_exit() == 0);
}

TEST_CASE("FAULTS 38: a worker gets the limit of descriptors that the supervisor was started with") {
  SupervisorUnderTest supervisor(PoolText{}.text(), {.in_child = [] {
                                   rlimit limit{};
                                   (void)::getrlimit(RLIMIT_NOFILE, &limit);
                                   limit.rlim_cur = 1000;
                                   (void)::setrlimit(RLIMIT_NOFILE, &limit);
                                 }});
  const pid_t worker = supervisor.wait_for_idle(1).pids().at(0);
  rlimit limit{};
  REQUIRE(::prlimit(worker, RLIMIT_NOFILE, nullptr, &limit) == 0);
  CHECK(limit.rlim_cur == 1000);
  REQUIRE(::prlimit(supervisor.pid(), RLIMIT_NOFILE, nullptr, &limit) == 0);
  CHECK(limit.rlim_cur == limit.rlim_max);
}

TEST_CASE("a supervisor in another's worker does not hand the outer supervisor's channel on") {
  SupervisorUnderTest supervisor(PoolText{}.text(), {.environment = {"SUPERVISOR_LEFTOVER=1"}});
  const pid_t worker = supervisor.wait_for_idle(1).pids().at(0);
  const auto with_leftover = processes_with("SUPERVISOR_LEFTOVER=1");
  CHECK(std::find(with_leftover.begin(), with_leftover.end(), worker) == with_leftover.end());
  CHECK(ask(supervisor.address(), "hello") == "hello");
}
