// The link to real spawners: they start workers, die, hang, and are replaced.
#include "supervisor/workers/spawner_link.h"

#include <doctest/doctest.h>
#include <fcntl.h>
#include <sched.h>
#include <sys/eventfd.h>
#include <sys/ptrace.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <csignal>
#include <cstddef>
#include <cstdint>
#include <fstream>
#include <memory>
#include <optional>
#include <set>
#include <sstream>
#include <string>
#include <utility>
#include <vector>

#include "supervisor/system/clock.h"
#include "supervisor/system/own_scheduling.h"
#include "tests/config/temp_directory.h"
#include "tests/proto/channel_pair.h"
#include "tests/support/eventually.h"

namespace prefork {
namespace {

using namespace std::chrono_literals;
using test::eventually;

constexpr Duration kNever = 1h;
constexpr Duration kSoon = 1s;

/// A link with its first spawner, and a requester that notes the answers.
class Linked final : private StartRequester {
 public:
  /// `change` is made to the first spawner before the link gets it.
  explicit Linked(
      Duration answer_timeout, void (*change)(SpawnerProcess&) = [](SpawnerProcess&) {})
      : link_(loop_, log_, clients_, first_spawner(change), limit(), answer_timeout) {
    (void)link_.add(*this, kPool);
    ours_.insert(link_.pid());
  }
  Linked(const Linked&) = delete;
  Linked& operator=(const Linked&) = delete;
  ~Linked() override {
    ours_.insert(link_.pid());
    ours_.insert(link_.standby_pid());
    for (const pid_t pid : ours_) {
      if (pid <= 0) continue;
      (void)::kill(pid, SIGKILL);
      (void)::waitpid(pid, nullptr, 0);
    }
  }

  void begin_with_standby() {
    link_.begin();
    run_until("there is a standby", [this] { return link_.standby_pid() != 0; });
    ours_.insert(link_.standby_pid());
  }
  void ask_for(std::uint64_t worker, const char* executable = "/bin/sleep") {
    const Launch launch{
        .executable = executable, .argv = {"sleep", "60"}, .environment = {}, .directory = ""};
    channels_.push_back(std::make_unique<test::ChannelPair>());
    link_.launch({kPool, worker}, launch, channels_.back()->worker.release(), Fd());
  }
  template <typename Condition>
  void run_until(const std::string& what, Condition condition) {
    eventually(what, [&] {
      loop_.run_once();
      return condition();
    });
  }
  void run_for(Duration time) {
    const Instant end = current_time() + time;
    run_until("the time is over", [end] { return current_time() >= end; });
  }
  void await_started(std::uint64_t worker) {
    run_until("the worker is started", [&] { return started_.contains(worker); });
  }
  void await_not_started(std::uint64_t worker) {
    run_until("the worker is given up", [&] { return not_started_.contains(worker); });
  }
  [[nodiscard]] bool has_failed(std::uint64_t worker) const { return failed_.contains(worker); }
  [[nodiscard]] bool heard_nothing() const {
    return started_.empty() && not_started_.empty() && failed_.empty();
  }
  [[nodiscard]] std::string log() const {
    std::ostringstream text;
    text << std::ifstream(log_file_).rdbuf();
    return text.str();
  }
  [[nodiscard]] bool logged(const std::string& text) const { return log().find(text) != std::string::npos; }
  [[nodiscard]] SpawnerLink& link() { return link_; }

 private:
  static constexpr std::uint64_t kPool = 1;

  static rlimit limit() {
    rlimit limit{};
    REQUIRE(::getrlimit(RLIMIT_NOFILE, &limit) == 0);
    return limit;
  }
  static SpawnerProcess first_spawner(void (*change)(SpawnerProcess&)) {
    auto process = start_spawner(limit());
    REQUIRE(process.ok());
    change(process.value());
    return std::move(process).value();
  }
  void started(std::uint64_t worker, pid_t pid, Fd pidfd) override {
    CHECK(pidfd.valid());
    ours_.insert(pid);
    started_.insert(worker);
  }
  void not_started(std::uint64_t worker, const LaunchReply& reply) override {
    CHECK(reply.pid == 0);
    not_started_.insert(worker);
  }
  void started_otherwise(std::uint64_t /*worker*/, const LaunchReply& /*reply*/) override {}
  void start_failed(std::uint64_t worker, const LaunchReply& reply) override {
    CHECK(reply.step == LaunchStep::kExec);
    failed_.insert(worker);
  }

  TempDirectory directory_;
  std::string log_file_ = directory_.file("log", "");
  Fd log_descriptor_{::open(log_file_.c_str(), O_WRONLY | O_APPEND | O_CLOEXEC)};
  Log log_{log_descriptor_.get()};
  Loop loop_;
  ClientDescriptors clients_;
  std::vector<std::unique_ptr<test::ChannelPair>> channels_;
  std::set<std::uint64_t> started_;
  std::set<std::uint64_t> not_started_;
  std::set<std::uint64_t> failed_;
  std::set<pid_t> ours_;  ///< processes to be ended and reaped
  SpawnerLink link_;
};

TEST_CASE("what a pool asks for is started, and an answer is awaited until it comes") {
  Linked linked(kNever);
  linked.begin_with_standby();
  CHECK_FALSE(linked.link().awaited_answer());
  for (std::uint64_t worker = 1; worker <= 20; ++worker) linked.ask_for(worker);
  CHECK(linked.link().awaited_answer());
  for (std::uint64_t worker = 1; worker <= 20; ++worker) linked.await_started(worker);
  CHECK_FALSE(linked.link().awaited_answer());
}

TEST_CASE("a program that cannot be executed is told of beside its process") {
  Linked linked(kNever);
  linked.ask_for(1, "/nonexistent");
  linked.await_started(1);
  linked.run_until("the failure is told", [&] { return linked.has_failed(1); });
}

TEST_CASE("FAULTS 70: a spawner that dies is replaced by its standby, and that has a standby again") {
  Linked linked(kNever);
  linked.begin_with_standby();
  const pid_t first = linked.link().pid();
  const pid_t standby = linked.link().standby_pid();
  REQUIRE(::kill(first, SIGSTOP) == 0);
  linked.ask_for(1);
  REQUIRE(::kill(first, SIGKILL) == 0);
  linked.await_not_started(1);
  CHECK(linked.link().pid() == standby);
  linked.ask_for(2);
  linked.await_started(2);
  linked.begin_with_standby();
}

TEST_CASE("FAULTS 70: a spawner that does not answer is killed, and its standby starts the workers") {
  Linked linked(kSoon);
  linked.begin_with_standby();
  const pid_t first = linked.link().pid();
  const pid_t standby = linked.link().standby_pid();
  REQUIRE(::kill(first, SIGSTOP) == 0);
  linked.ask_for(1);
  linked.await_not_started(1);
  CHECK(linked.link().pid() == standby);
  CHECK(linked.logged("the spawner process " + std::to_string(first) + " has not answered for "));
  CHECK(linked.logged(" s and is killed"));
  CHECK(linked.logged("the spawner process " + std::to_string(first) + " died; the standby, pid " +
                      std::to_string(standby) + ", takes over"));
  linked.ask_for(2);
  linked.await_started(2);
}

TEST_CASE("FAULTS 70: a spawner that survives SIGKILL is replaced by its standby") {
  Linked linked(kSoon);
  linked.begin_with_standby();
  const pid_t first = linked.link().pid();
  const pid_t standby = linked.link().standby_pid();
  REQUIRE(::kill(first, SIGSTOP) == 0);
  // A killed process that is traced like this waits for its tracer before it ends.
  REQUIRE(::ptrace(PTRACE_SEIZE, first, nullptr, PTRACE_O_TRACEEXIT) == 0);
  linked.ask_for(1);
  linked.await_not_started(1);
  CHECK(linked.link().pid() == standby);
  CHECK(linked.logged("the spawner process " + std::to_string(first) +
                      " survives SIGKILL; the standby, pid " + std::to_string(standby) + ", takes over"));
  linked.ask_for(2);
  linked.await_started(2);
  REQUIRE(::ptrace(PTRACE_DETACH, first, nullptr, nullptr) == 0);
}

TEST_CASE("FAULTS 70: a spawner that cannot be killed is replaced by its standby") {
  // The spawner of another user, as the link sees it: the signal is refused.
  Linked linked(kSoon, [](SpawnerProcess& process) { process.pidfd.reset(::eventfd(0, EFD_CLOEXEC)); });
  linked.begin_with_standby();
  const pid_t first = linked.link().pid();
  const pid_t standby = linked.link().standby_pid();
  REQUIRE(::kill(first, SIGSTOP) == 0);
  linked.ask_for(1);
  linked.await_not_started(1);
  CHECK(linked.link().pid() == standby);
  CHECK(linked.logged("the spawner process " + std::to_string(first) + " cannot be killed: "));
}

TEST_CASE("FAULTS 70: a spawner that does not answer is kept while there is no standby") {
  Linked linked(kSoon);
  const pid_t only = linked.link().pid();
  REQUIRE(::kill(only, SIGSTOP) == 0);
  linked.ask_for(1);
  linked.run_until("its silence is logged",
                   [&] { return linked.logged("there is no standby, so it is kept"); });
  CHECK(linked.link().pid() == only);
  linked.run_for(kSoon * 2);
  const std::string log = linked.log();
  CHECK(log.find("so it is kept") == log.rfind("so it is kept"));
  REQUIRE(::kill(only, SIGCONT) == 0);
  linked.await_started(1);
  CHECK(linked.link().pid() == only);
}

TEST_CASE("FAULTS 554: a spawner that a supervisor of the class SCHED_BATCH starts is scheduled as usual") {
  const int usual = ::sched_getscheduler(0);
  Linked linked(kNever);
  const pid_t only = linked.link().pid();
  schedule_as_batch(true);
  const int own = ::sched_getscheduler(0);
  REQUIRE(::kill(only, SIGKILL) == 0);
  linked.run_until("another is started",
                   [&] { return linked.link().pid() > 0 && linked.link().pid() != only; });
  CHECK(::sched_getscheduler(linked.link().pid()) == usual);
  CHECK(::sched_getscheduler(0) == own);
  schedule_as_batch(false);
  CHECK(::sched_getscheduler(0) == usual);
}

TEST_CASE("FAULTS 164: a spawner that has closed its socket, but does not end, is killed and replaced") {
  Linked linked(kNever, [](SpawnerProcess& spawner) {
    REQUIRE(::kill(spawner.pid, SIGSTOP) == 0);
    auto ends = make_spawner_socket();
    REQUIRE(ends.ok());
    spawner.socket = std::move(ends.value().first);
  });
  linked.link().begin();
  linked.ask_for(1);
  linked.await_started(1);
  CHECK_FALSE(linked.logged("cannot be asked"));
}

TEST_CASE("a spawner that is stopped for a moment only is not replaced") {
  Linked linked(kNever);
  linked.begin_with_standby();
  const pid_t first = linked.link().pid();
  REQUIRE(::kill(first, SIGSTOP) == 0);
  linked.ask_for(1);
  REQUIRE(::kill(first, SIGCONT) == 0);
  linked.await_started(1);
  CHECK(linked.link().pid() == first);
}

TEST_CASE("a requester that was removed is told nothing any more") {
  Linked linked(kNever);
  linked.begin_with_standby();
  REQUIRE(::kill(linked.link().pid(), SIGSTOP) == 0);
  linked.ask_for(1);
  linked.link().remove(1);
  REQUIRE(::kill(linked.link().pid(), SIGKILL) == 0);
  linked.run_until("the standby takes over", [&] { return linked.logged("takes over"); });
  CHECK(linked.heard_nothing());
}

TEST_CASE("FAULTS 156: a spawner of an earlier version is kept, and gets requests that it understands") {
  SpawnerState carried;
  carried.launch_format = kUnpinnedLaunchFormat;
  carried.active.pid = 4711;
  CHECK(SpawnerLink::process_of(carried).pid == 4711);

  Linked linked(kNever);
  SpawnerState state = linked.link().state();
  state.launch_format = kUnpinnedLaunchFormat;
  linked.link().adopt(state);
  CHECK(linked.logged("the spawner is of an earlier version"));
  linked.ask_for(1);
  linked.await_started(1);
  CHECK(linked.link().state().launch_format == kUnpinnedLaunchFormat);

  REQUIRE(::kill(linked.link().pid(), SIGKILL) == 0);
  linked.run_until("another one is started", [&] { return linked.logged("starting another"); });
  linked.ask_for(2);
  linked.await_started(2);
  CHECK(linked.link().state().launch_format == kLaunchFormat);
}

}  // namespace
TEST_CASE("a request for a program with a notifier is not understood by a spawner that knows none") {
  Launch launch{.executable = "/srv/app", .argv = {"app"}, .environment = {}, .directory = "/srv"};
  const std::vector<std::byte> plain = encode_request({1, 2}, launch, kInodeLaunchFormat);
  launch.notified = true;
  const std::vector<std::byte> notified = encode_request({1, 2}, launch, kInodeLaunchFormat);
  CHECK(decode_request(notified).value().launch == launch);
  // The additional bytes at the end are what the earlier spawner refuses.
  CHECK(std::equal(plain.begin(), plain.end(), notified.begin()));
  CHECK(notified.size() > plain.size());
}

}  // namespace prefork
