// Deaths of workers, and ends of their channels, take turns in a share of the loop's time.
#include <doctest/doctest.h>
#include <sys/wait.h>

#include <algorithm>
#include <chrono>
#include <csignal>
#include <cstdint>
#include <memory>
#include <string>
#include <utility>
#include <variant>
#include <vector>

#include "supervisor/system/clock.h"
#include "supervisor/workers/worker_process.h"
#include "tests/proto/channel_pair.h"
#include "tests/support/eventually.h"
#include "tests/workers/watched_worker.h"

namespace prefork {
namespace {

using namespace test;  // NOLINT(google-build-using-namespace)
using std::chrono::microseconds;

/// Processes that have ended, and that nothing is told of yet. What follows a death takes some time.
class Fallen final : private WorkerProcess::Owner {
 public:
  Fallen(const WorkerProcess::Services& services, std::uint32_t count) {
    for (std::uint32_t i = 0; i < count; ++i) {
      test::ChannelPair ends;
      const pid_t pid = ::fork();
      REQUIRE(pid >= 0);
      if (pid == 0) ::_exit(0);
      workers_.push_back(std::make_unique<WorkerProcess>(services, static_cast<WorkerProcess::Owner&>(*this),
                                                         WorkerId::make(1, i), std::move(ends.supervisor),
                                                         WorkerId{}));
      workers_.back()->started(pid, open_pidfd(pid));
      siginfo_t end{};
      REQUIRE(::waitid(P_PID, static_cast<id_t>(pid), &end, WEXITED | WNOWAIT) == 0);
    }
  }
  ~Fallen() override {
    std::vector<pid_t> pids;
    for (const auto& worker : workers_) pids.push_back(worker->pid());
    workers_.clear();
    for (const pid_t pid : pids) (void)::waitpid(pid, nullptr, 0);
  }
  Fallen(const Fallen&) = delete;
  Fallen& operator=(const Fallen&) = delete;
  [[nodiscard]] std::size_t deaths() const { return deaths_; }
  [[nodiscard]] bool anything_else() const { return anything_else_; }

 private:
  void tell(const Event& event) override {
    if (!std::holds_alternative<event::WorkerExited>(event)) {
      anything_else_ = true;
      return;
    }
    ++deaths_;
    const Duration end = processor_time() + microseconds(200);
    while (processor_time() < end) {
    }
  }
  void has_process(const WorkerProcess& /*worker*/) override {}

  std::size_t deaths_ = 0;
  bool anything_else_ = false;
  std::vector<std::unique_ptr<WorkerProcess>> workers_;
};

TEST_CASE(
    "FAULTS 181: of many deaths at once a few are told in each turn of the loop, and each is told once") {
  Watched watched;
  Fallen fallen(watched.services(), 40);
  std::size_t most = 0;
  eventually("all are told", [&] {
    const std::size_t before = fallen.deaths();
    watched.run_once();
    most = std::max(most, fallen.deaths() - before);
    return fallen.deaths() == 40;
  });
  CHECK(most <= 6);
  watched.run_once();
  CHECK(fallen.deaths() == 40);
  CHECK_FALSE(fallen.anything_else());
}

TEST_CASE(
    "FAULTS 183: a worker that has to leave is told so at its turn, or by the next program after an "
    "upgrade") {
  Watched first;
  first.ask_spawner();
  first.use_up_turns();
  first.worker().drain();
  CHECK(first.worker().state().drain_due);
  CHECK(Received(first.other_end()).status == ReceiveStatus::kEmpty);
  eventually("it is told", [&] {
    first.run_once();
    return !first.worker().state().drain_due;
  });
  CHECK(Received(first.other_end()).records.at(0).kind == RecordKind::kDrain);

  Watched next;
  WorkerProcessState state;
  state.drain_due = true;
  next.adopt(state);
  CHECK_FALSE(next.worker().state().drain_due);
  CHECK(Received(next.other_end()).records.at(0).kind == RecordKind::kDrain);
}

TEST_CASE("workers that are forgotten while their deaths wait are told nothing of") {
  Watched watched;
  auto fallen = std::make_unique<Fallen>(watched.services(), 20);
  watched.run_once();
  CHECK(fallen->deaths() < 20);
  fallen.reset();
  watched.run(do_nothing);
  REQUIRE(::kill(watched.child(), SIGKILL) == 0);
  watched.check_exit(Exit::Kind::kSignaled, SIGKILL);
}

TEST_CASE("the end of a channel that waits for its turn is read again after an upgrade in place") {
  Watched watched;
  watched.ask_spawner();
  watched.run_once();
  watched.fork_process([](Channel& channel) {
    channel.close();
    (void)::raise(SIGSTOP);
  });
  watched.started();
  siginfo_t stop{};
  REQUIRE(::waitid(P_PID, static_cast<id_t>(watched.child()), &stop, WSTOPPED | WNOWAIT) == 0);
  watched.use_up_turns();
  watched.run_once();
  CHECK_FALSE(watched.has_told<event::ChannelClosed>());
  CHECK(watched.worker().state().listened_to);
  watched.await<event::ChannelClosed>();
  CHECK_FALSE(watched.worker().state().listened_to);
}

}  // namespace
}  // namespace prefork
