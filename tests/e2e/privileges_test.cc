// Users and privileges: the users of workers, and a supervisor that gives up root. Without root there is
// nothing to give up, and most of these have nothing to prove.
#include <doctest/doctest.h>
#include <linux/capability.h>
#include <sched.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <csignal>
#include <cstdint>
#include <fstream>
#include <functional>
#include <sstream>
#include <string>
#include <vector>

#include "tests/e2e/deaths.h"
#include "tests/support/client.h"
#include "tests/support/command.h"
#include "tests/support/contains.h"
#include "tests/support/supervisor_under_test.h"

using namespace prefork::test;

namespace {

constexpr const char* kThem = R"("user": "4711", "group": "4712")";

bool is_root() { return ::geteuid() == 0; }

std::string status_of(pid_t pid, const std::string& field) {
  std::ifstream lines("/proc/" + std::to_string(pid) + "/status");
  for (std::string line; std::getline(lines, line);) {
    if (line.starts_with(field + ":\t")) return line.substr(field.size() + 2);
  }
  return "";
}

/// Its limits of descriptors, soft and hard. (prlimit(2) of another user's process needs CAP_SYS_RESOURCE.)
std::string open_files_of(pid_t pid) {
  std::ifstream lines("/proc/" + std::to_string(pid) + "/limits");
  for (std::string line; std::getline(lines, line);) {
    if (!line.starts_with("Max open files")) continue;
    std::istringstream words(line.substr(std::string("Max open files").size()));
    std::string soft;
    std::string hard;
    words >> soft >> hard;
    return soft + ' ' + hard;
  }
  return "";
}

std::string four_times(const std::string& id) { return id + '\t' + id + '\t' + id + '\t' + id; }

/// Lets every user read the configuration again.
void open_directory(const SupervisorUnderTest& supervisor) {
  REQUIRE(::chmod(supervisor.directory().path().c_str(), 0755) == 0);
}

/// What `act` returns in a process of that user.
int as_user(unsigned uid, const std::function<int()>& act) {
  const pid_t child = ::fork();
  REQUIRE(child >= 0);
  if (child == 0) {
    if (::setgid(uid) < 0 || ::setuid(uid) < 0) ::_exit(100);
    ::_exit(act());
  }
  int status = 0;
  REQUIRE(::waitpid(child, &status, 0) == child);
  return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

/// Tries what a hostile process could do to another; the number of attempts that the kernel allowed.
int attack(pid_t victim) {
  int allowed = 0;
  for (const int number : {0, SIGSTOP, SIGKILL}) allowed += ::kill(victim, number) == 0 ? 1 : 0;
  const int pidfd = static_cast<int>(::syscall(SYS_pidfd_open, victim, 0));
  if (pidfd < 0) return 100;
  allowed += ::syscall(SYS_pidfd_send_signal, pidfd, SIGTERM, nullptr, 0) == 0 ? 1 : 0;
  for (int number = 0; number < 20; ++number)
    allowed += ::syscall(SYS_pidfd_getfd, pidfd, number, 0) >= 0 ? 1 : 0;
  allowed += ::ptrace(PTRACE_SEIZE, victim, nullptr, nullptr) == 0 ? 1 : 0;
  return allowed;
}

}  // namespace

TEST_CASE("as root with users for all pools, the supervisor holds no root") {
  if (!is_root()) return;
  SupervisorUnderTest supervisor(PoolText{.more = kThem});
  const std::string said = supervisor.wait_for_log("gave up root: user ");
  const pid_t pid = supervisor.pid();
  const std::string uid = status_of(pid, "Uid").substr(0, status_of(pid, "Uid").find('\t'));
  CHECK(std::stoul(uid) >= 61184);
  CHECK(said.find("user " + uid + ',') != std::string::npos);
  CHECK(status_of(pid, "Uid") == four_times(uid));
  CHECK(status_of(pid, "Gid") == four_times(uid));
  CHECK(status_of(pid, "Groups").find_first_not_of(' ') == std::string::npos);
  // CAP_KILL and CAP_NET_BIND_SERVICE.
  for (const char* set : {"CapInh", "CapPrm", "CapEff", "CapBnd", "CapAmb"})
    CHECK(status_of(pid, set) == "0000000000000420");
  CHECK(status_of(pid, "NoNewPrivs") == "1");
  CHECK(ask(supervisor.address(), "hello") == "hello");
}

TEST_CASE("a worker of another user, and a process of the supervisor's own, cannot signal, trace or rob it") {
  if (!is_root()) return;
  SupervisorUnderTest supervisor(PoolText{.more = kThem});
  const pid_t pid = supervisor.pid();
  REQUIRE(status_of(pid, "Uid") != four_times("0"));
  const auto own = static_cast<unsigned>(std::stoul(status_of(pid, "Uid")));
  CHECK(as_user(4711, [pid] { return attack(pid); }) == 0);
  // Its own user may signal it; that is why no worker is.
  CHECK(as_user(own, [pid] {
          const int pidfd = static_cast<int>(::syscall(SYS_pidfd_open, pid, 0));
          return ::syscall(SYS_pidfd_getfd, pidfd, 0, 0) < 0 && errno == EPERM &&
                         ::ptrace(PTRACE_SEIZE, pid, nullptr, nullptr) < 0 && errno == EPERM
                     ? 0
                     : 1;
        }) == 0);
  CHECK(ask(supervisor.address(), "hello") == "hello");
}

TEST_CASE(
    "workers are their user, with surroundings as configured, and are replaced and stopped by a supervisor "
    "without root") {
  if (!is_root()) return;
  SupervisorUnderTest supervisor(PoolText{
      .workers = 2,
      .more = std::string(kThem) +
              R"(, "umask": "0027", "nice": 3, "limits": {"nofile": 321, "core": 0}, "stop_timeout": "1s")"});
  const pid_t worker = supervisor.wait_for_idle(2).pids().at(0);
  CHECK(status_of(worker, "Uid") == four_times("4711"));
  CHECK(status_of(worker, "Gid") == four_times("4712"));
  CHECK(status_of(worker, "Groups") == "4712 ");
  CHECK(status_of(worker, "CapEff") == "0000000000000000");
  CHECK(status_of(worker, "NoNewPrivs") == "1");
  CHECK(status_of(worker, "Umask") == "0027");
  CHECK(::getpriority(PRIO_PROCESS, static_cast<id_t>(worker)) == 3);
  CHECK(open_files_of(worker) == "321 321");
  REQUIRE(::kill(worker, SIGKILL) == 0);
  supervisor.wait_for_pool("another is there", [&](const PoolTable& pool) {
    const auto pids = pool.pids();
    return pool.count("idle") == 2 && std::find(pids.begin(), pids.end(), worker) == pids.end();
  });
  CHECK(supervisor.stop() == 0);
}

TEST_CASE("a worker that ignores SIGTERM is killed by a supervisor that has given up root") {
  if (!is_root()) return;
  SupervisorUnderTest supervisor(PoolText{
      .command = scripted({"ignore-term", "ready", "hang"}),
      .more = std::string(kThem) + R"(, "stop_timeout": "50ms", "health": {"kill_timeout": "50ms"})"});
  supervisor.wait_for_idle(1);
  CHECK(supervisor.stop() == 0);  // no connection was cut
  CHECK(supervisor.count_in_log(": stopped; 1 worker was killed\n") == 1);
}

TEST_CASE(
    "without root, a reload still works, opens privileged ports, and refuses workers that would be root") {
  if (!is_root()) return;
  const PoolText pool{.more = kThem};
  SupervisorUnderTest supervisor(pool);
  CHECK(status_of(supervisor.pid(), "Uid") != four_times("0"));
  open_directory(supervisor);
  PoolText more = pool;
  more.listen.emplace_back("127.0.0.1:999");
  supervisor.rewrite_config(more);
  supervisor.signal(SIGHUP);
  CHECK(supervisor.wait_for_event("reload").flag("applied"));
  CHECK(ask("127.0.0.1:999", "hello") == "hello");
  supervisor.rewrite_config(PoolText{});
  supervisor.signal(SIGHUP);
  const EventText refused = supervisor.wait_for_event("reload");
  CHECK_FALSE(refused.flag("applied"));
  CHECK(refused.list("mistakes") ==
        std::vector<std::string>{"pool main: its workers would run as root, but the supervisor has given up "
                                 "root; restart it, or give the pool another \"user\""});
  CHECK(ask(supervisor.address(), "hello") == "hello");
}

TEST_CASE("the supervisor becomes the user that the file names") {
  if (!is_root()) return;
  SupervisorUnderTest supervisor(PoolText{.more = std::string(kThem) + R"(, "supervisor_user": "5001")"});
  CHECK(status_of(supervisor.pid(), "Uid") == four_times("5001"));
  CHECK(status_of(supervisor.pid(), "Gid") == four_times("5001"));
}

TEST_CASE("FAULTS 64: workers have a higher oom_score_adj than the supervisor") {
  SupervisorUnderTest supervisor(PoolText{});
  const pid_t worker = supervisor.wait_for_idle(1).pids().at(0);
  const auto score = [](pid_t pid) {
    int value = -2000;
    std::ifstream("/proc/" + std::to_string(pid) + "/oom_score_adj") >> value;
    return value;
  };
  CHECK(score(worker) == std::min(score(supervisor.pid()) + 200, 1000));
}

TEST_CASE(
    "FAULTS 29: a start that a limit prevents is told with step and reason, and tried again with delays") {
  if (!is_root()) return;
  rlimit limit{};
  REQUIRE(::getrlimit(RLIMIT_NOFILE, &limit) == 0);
  const std::string most = std::to_string(limit.rlim_max);
  SupervisorUnderTest supervisor(PoolText{.more = R"("limits": {"nofile": )" + most + "}"}.text(),
                                 {.in_child = [] { (void)::prctl(PR_CAPBSET_DROP, CAP_SYS_RESOURCE); }});
  const pid_t worker = supervisor.wait_for_idle(1).pids().at(0);
  // Lowered behind its back, as an operator may do with prlimit(1).
  --limit.rlim_cur, --limit.rlim_max;
  for (const pid_t spawner : supervisor.status().spawners)
    REQUIRE(::prlimit(spawner, RLIMIT_NOFILE, &limit, nullptr) == 0);
  REQUIRE(::kill(worker, SIGKILL) == 0);
  wait_for_failed_start(supervisor, "set the limit nofile: Operation not permitted");
  CHECK(supervisor.wait_for_event("pool_failed").number("failures") == 1);
}

TEST_CASE(
    "FAULTS 189: a limit that no worker can have is refused by check, a start and a reload, in the same "
    "words") {
  if (!is_root()) return;
  const rlimit here{500, 500};
  std::string limit;
  std::string why;
  SUBCASE("above the kernel's maximum") {
    std::uint64_t most = 0;
    std::ifstream("/proc/sys/fs/nr_open") >> most;
    limit = std::to_string(most + 1);
    why = limit + " is not allowed: no process may have more than " + std::to_string(most) +
          " descriptors here; ";
  }
  SUBCASE("above the hard limit, without the right to raise it") {
    limit = "501";
    why = "501 is not allowed: the hard limit here is 500, and raising it needs CAP_SYS_RESOURCE; ";
  }
  const auto text = [](const std::string& nofile) {
    return PoolText{.command = {"/bin/sleep", "60"},
                    .more = R"("queue": {"max": 10}, "limits": {"nofile": )" + nofile + "}"}
        .text();
  };
  const auto limited = [&] {
    (void)::prctl(PR_CAPBSET_DROP, CAP_SYS_RESOURCE);
    if (::setrlimit(RLIMIT_NOFILE, &here) < 0) ::_exit(125);
  };
  SupervisorUnderTest supervisor(text("499"), {.in_child = limited});
  const std::string line = supervisor.config_file() + ": /limits/nofile: " + why;
  supervisor.rewrite_config(text(limit));
  const CommandResult reload = run_supervisor({"reload", "-c", supervisor.config_file()});
  CHECK(reload.status == 1);
  CHECK(contains(reload.errors, "supervisor: " + line));
  for (const std::string check : {" -t", ""}) {
    SupervisorUnderTest refused(text(limit),
                                {.await_start = false,
                                 .in_child = limited,
                                 .before = {"/bin/sh", "-c", "exec \"$0\"" + check + " \"$@\""}});
    CHECK(refused.await_exit() == 2);
    CHECK(contains(refused.log(), "supervisor: " + refused.config_file() + ": /limits/nofile: " + why));
  }
}

TEST_CASE("workers that run as root are warned of") {
  if (!is_root()) return;
  SupervisorUnderTest supervisor(PoolText{});
  supervisor.wait_for_log("pool main: its workers run as root; give it a \"user\"");
}

TEST_CASE(
    "FAULTS 112: where /proc hides other users' processes reloads work, and the log says what does not") {
  if (!is_root()) return;
  const auto pool = [](const std::string& more) {
    return PoolText{.more = std::string(kThem) + R"(, "recycle": {"rss": "1KiB"})" + more};
  };
  SupervisorUnderTest supervisor(pool("").text(), {.in_child = [] {
                                   if (::unshare(CLONE_NEWNS) < 0 ||
                                       ::mount(nullptr, "/", nullptr, MS_REC | MS_PRIVATE, nullptr) < 0 ||
                                       ::mount("proc", "/proc", "proc", 0, "hidepid=2") < 0) {
                                     ::_exit(125);
                                   }
                                 }});
  supervisor.wait_for_log("gave up root");
  supervisor.wait_for_log("pool main: recycle.rss does nothing, for the memory of workers cannot be read: ");
  open_directory(supervisor);
  supervisor.rewrite_config(pool(R"(, "queue": {"max": 100})"));
  supervisor.signal(SIGHUP);
  supervisor.wait_for_log("pool main: reloaded");
  CHECK(supervisor.count_in_log("reload refused") == 0);
  CHECK(ask(supervisor.address(), "hello") == "hello");
  CHECK(supervisor.count_in_log("recycle.rss does nothing") == 1);
  CHECK(supervisor.stop() == 0);
}
