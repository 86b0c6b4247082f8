// The kernel keeps the supervisor from reading what clients send.
#include <doctest/doctest.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <csignal>
#include <cstddef>
#include <iterator>
#include <memory>
#include <string>
#include <vector>

#include "tests/e2e/deaths.h"
#include "tests/support/client.h"
#include "tests/support/command.h"
#include "tests/support/supervisor_under_test.h"

using namespace prefork::test;

namespace {

constexpr int kFirst = 1024;

/// How many of its descriptors are numbered as clients' sockets are.
std::ptrdiff_t high_descriptors(const SupervisorUnderTest& supervisor) {
  const std::vector<int> numbers = descriptor_numbers_of(supervisor.pid());
  return std::count_if(numbers.begin(), numbers.end(), [](int number) { return number >= kFirst; });
}

std::string filters_of(pid_t pid) {
  return status_field_of(pid, "Seccomp") + " " + status_field_of(pid, "Seccomp_filters");
}

void set_limit(pid_t pid, rlim_t soft, rlim_t hard) {
  const rlimit limit{.rlim_cur = soft, .rlim_max = hard};
  REQUIRE(::prlimit(pid, RLIMIT_NOFILE, &limit, nullptr) == 0);
}

/// No filter can be installed from here on.
void forbid_filters() {
  // seccomp(2), whatever it is asked, and prctl(PR_SET_SECCOMP).
  sock_filter instructions[] = {
      BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(seccomp_data, nr)),
      BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_seccomp, 3, 0),
      BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_prctl, 0, 3),
      BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(seccomp_data, args[0])),
      BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, PR_SET_SECCOMP, 0, 1),
      BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | EINVAL),
      BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
  };
  const sock_fprog program{.len = std::size(instructions), .filter = instructions};
  if (::prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0 ||
      ::prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program) < 0) {
    ::_exit(125);
  }
}

/// The only one, of a reload that was asked for.
std::string mistake_of_reload(SupervisorUnderTest& supervisor) {
  const EventText verdict = supervisor.wait_for_event("reload");
  CHECK_FALSE(verdict.flag("applied"));
  REQUIRE(verdict.list("mistakes").size() == 1);
  return verdict.list("mistakes").front();
}

}  // namespace

TEST_CASE("FAULTS 71: a supervisor has the filter once, after upgrades as well, and its workers have none") {
  SupervisorUnderTest supervisor(PoolText{.workers = 2, .more = R"("hold": "done")"});
  const std::vector<pid_t> workers = supervisor.wait_for_idle(2).pids();
  CHECK(supervisor.status().seccomp_from == kFirst);
  CHECK(filters_of(supervisor.pid()) == "2 1");
  for (const pid_t pid : workers) CHECK(filters_of(pid) == "0 0");
  CHECK(high_descriptors(supervisor) == 0);

  std::vector<Client> clients;
  clients.reserve(6);
  for (int i = 0; i < 5; ++i) clients.emplace_back(supervisor.address());
  const auto all_there = [&] { return high_descriptors(supervisor) == 5; };
  eventually("two are with workers, three wait, and none has a low descriptor", all_there);
  const std::size_t descriptors = descriptors_of(supervisor.pid());
  for (int i = 0; i < 2; ++i) {
    supervisor.upgrade();
    CHECK(filters_of(supervisor.pid()) == "2 1");
    CHECK(all_there());
    CHECK(descriptors_of(supervisor.pid()) == descriptors);
  }
  REQUIRE(::kill(workers[0], SIGKILL) == 0);
  CHECK(by_signal(death_of(supervisor, workers[0]), SIGKILL));
  clients.emplace_back(supervisor.address());
  eventually(
      "another has come, and the dead worker's client waits for the next worker: nothing of it was read",
      [&] { return high_descriptors(supervisor) == 6; });
  for (Client& client : clients) {
    client.send("hello");
    client.finish();
  }
  std::size_t answered = 0;
  for (Client& client : clients)
    if (client.receive() == "hello") ++answered;
  CHECK(answered == 6);
  for (const pid_t pid : supervisor.wait_for_idle(2).pids()) CHECK(filters_of(pid) == "0 0");
  eventually("all are closed", [&] { return high_descriptors(supervisor) == 0; });
}

TEST_CASE("without seccomp there is no filter; with a reload nothing of it changes, and the log says when") {
  SupervisorUnderTest supervisor(PoolText{.more = R"("hold": "done", "seccomp": false)"});
  supervisor.wait_for_idle(1);
  CHECK(filters_of(supervisor.pid()) == "0 0");
  const Client client(supervisor.address());
  supervisor.wait_for_pool("it is served", [](const PoolTable& now) { return now.count("busy") == 1; });
  CHECK(high_descriptors(supervisor) == 1);  // clients leave the low numbers to the supervisor all the same
  std::vector<std::string> changes = {"seccomp on: takes effect when the supervisor is restarted",
                                      "pool main: reloaded, unchanged"};
  for (int i = 0; i < 2; ++i) {
    supervisor.rewrite_config(PoolText{.more = R"("hold": "done", "seccomp": true)"});
    supervisor.signal(SIGHUP);
    CHECK(supervisor.wait_for_event("reload").list("changes") == changes);
    changes = {changes.back()};  // it is said once
  }
  CHECK(filters_of(supervisor.pid()) == "0 0");
}

TEST_CASE("a supervisor that is told to be without seccomp keeps it until it is restarted, and says so") {
  SupervisorUnderTest supervisor(PoolText{});
  supervisor.rewrite_config(PoolText{.more = R"("seccomp": false)"});
  supervisor.signal(SIGHUP);
  CHECK(supervisor.wait_for_event("reload").list("changes").front() ==
        "seccomp off: takes effect when the supervisor is restarted");
  supervisor.upgrade();
  supervisor.wait_for_log("seccomp stays until the supervisor is restarted");
  CHECK(filters_of(supervisor.pid()) == "2 1");
  CHECK(ask(supervisor.address(), "hello") == "hello");
}

TEST_CASE("where no filter can be installed the supervisor serves without, unless the file insists") {
  SupervisorUnderTest::Options options;
  options.in_child = forbid_filters;
  SUBCASE("without is allowed") {
    SupervisorUnderTest supervisor(PoolText{}.text(), options);
    supervisor.wait_for_log("client sockets are not made unreadable by the kernel: seccomp: ");
    CHECK_FALSE(supervisor.status().seccomp_from.has_value());
    CHECK(ask(supervisor.address(), "hello") == "hello");
  }
  SUBCASE("without is not allowed") {
    options.await_start = false;
    SupervisorUnderTest supervisor(PoolText{.more = R"("seccomp": true)"}.text(), options);
    CHECK(supervisor.await_exit() == 1);
    CHECK(supervisor.count_in_log("client sockets cannot be made unreadable, as \"seccomp\" demands: ") == 1);
  }
}

TEST_CASE("FAULTS 61: what does not fit on either side of the clients' first descriptor is refused") {
  SupervisorUnderTest::Options options;
  options.in_child = [] {
    const rlimit limit{.rlim_cur = 2000, .rlim_max = 2000};
    if (::setrlimit(RLIMIT_NOFILE, &limit) < 0) ::_exit(125);
  };
  const PoolText pool{.more = R"("queue": {"max": 100})"};
  SupervisorUnderTest supervisor(pool.text(), options);
  supervisor.wait_for_idle(1);
  PoolText larger = pool;
  larger.workers = 180;
  supervisor.rewrite_config(larger);
  supervisor.signal(SIGHUP);
  const std::string own = mistake_of_reload(supervisor);
  CHECK_MESSAGE(own.find("but the supervisor reserved 500 for them when it started") != std::string::npos,
                own);
  const CommandResult scaled = run_supervisor({"scale", "--control", supervisor.control(), "180"});
  CHECK(scaled.status == 1);
  CHECK_MESSAGE(scaled.errors.find("but the supervisor reserved 500 for them") != std::string::npos,
                scaled.errors);
  PoolText longer = pool;
  longer.more = R"("queue": {"max": 1600})";
  supervisor.rewrite_config(longer);
  supervisor.signal(SIGHUP);
  const std::string clients = mistake_of_reload(supervisor);
  CHECK_MESSAGE(
      clients.find("for clients there are 1500, from 500 to the limit of 2000") != std::string::npos,
      clients);
  CHECK(ask(supervisor.address(), "hello") == "hello");
}

TEST_CASE(
    "FAULTS 30: a client that no descriptor is left for is not lost, and not by an upgrade or a reload") {
  SupervisorUnderTest supervisor(PoolText{});
  supervisor.wait_for_idle(1);
  rlimit former{};
  REQUIRE(::prlimit(supervisor.pid(), RLIMIT_NOFILE, nullptr, &former) == 0);
  set_limit(supervisor.pid(), kFirst + 3, former.rlim_max);
  std::vector<Client> clients;
  clients.reserve(10);
  for (int i = 0; i < 10; ++i) clients.emplace_back(supervisor.address());
  supervisor.wait_for_pool("accepting is paused", [](const PoolTable& now) { return now.paused; });
  SUBCASE("nothing else happens") {}
  SUBCASE("an upgrade") {
    supervisor.upgrade();
    set_limit(supervisor.pid(), kFirst + 3, former.rlim_max);
  }
  SUBCASE("a reload") {
    supervisor.rewrite_config(PoolText{.more = R"("queue": {"max": 1})"});
    supervisor.signal(SIGHUP);
    CHECK(supervisor.wait_for_event("reload").flag("applied"));
  }
  CHECK(high_descriptors(supervisor) <= 3);
  set_limit(supervisor.pid(), former.rlim_cur, former.rlim_max);
  for (Client& client : clients) {
    client.send("hello");
    client.finish();
  }
  for (Client& client : clients) CHECK(client.receive() == "hello");
  CHECK(supervisor.wait_for_pool("all are served",
                                 [](const PoolTable& now) { return now["served"] == 10; })["accepted"] == 10);
}

TEST_CASE("the status tells from where on descriptors are clients', and the spawners' pids") {
  SupervisorUnderTest supervisor(PoolText{});
  supervisor.wait_for_idle(1);
  const CommandResult status = run_supervisor({"status", "--json", "--control", supervisor.control()});
  CHECK(status.output.find("\"seccomp_from\": 1024") != std::string::npos);
  CHECK(status.output.find("\"spawners\": [") != std::string::npos);
}
