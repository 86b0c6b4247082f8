// A new generation proves itself before the old one leaves.
#include <doctest/doctest.h>

#include <cstddef>
#include <cstdint>
#include <vector>

#include "tests/core/pool_driver.h"

namespace prefork {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;
using Stage = action::ReportRollout::Stage;

PoolSettings pool_of(std::size_t workers) {
  PoolSettings settings;
  settings.workers = workers;
  settings.probation = {seconds(2), 2};
  return settings;
}

/// A pool that serves, and whose rollout has just begun.
class ReplacedPool : public PoolDriver {
 public:
  explicit ReplacedPool(const PoolSettings& settings) : PoolDriver(settings) {
    ready_all();
    advance(seconds(5));
    before = started.size();
    forget();
    handle(event::SettingsChanged{settings, event::SettingsChanged::Workers::kReplaced});
  }
  [[nodiscard]] WorkerId candidate() const { return started.back(); }
  [[nodiscard]] bool reported(Stage stage) const {
    return count<action::ReportRollout>([&](const auto& report) { return report.stage == stage; }) > 0;
  }
  /// As many connections at a time as there are workers: each of them gets one.
  void serve_each_worker() {
    std::vector<Ticket> tickets;
    for (std::size_t i = 0; i < count_status(WorkerStatus::kReady); ++i) tickets.push_back(accept());
    for (const Ticket ticket : tickets) busy(ticket);
    for (const Ticket ticket : tickets) idle(ticket);
  }
  std::size_t before = 0;
};

TEST_CASE("one worker of the new generation starts, and no worker leaves while it is on trial") {
  ReplacedPool d(pool_of(4));
  CHECK(d.started.size() == d.before + 1);
  CHECK(d.reported(Stage::kTrial));
  CHECK(d.pool.lifecycle().rollout().trial() == Generation{2});
  d.ready(d.candidate());
  d.advance(milliseconds(1999));
  d.serve_each_worker();
  CHECK(d.started.size() == d.before + 1);
  CHECK(d.count<action::SendDrain>() == 0);
  CHECK(d.count_status(WorkerStatus::kReady) == 5);
}

TEST_CASE(
    "the other workers follow when the first has been ready for the time and has served the connections") {
  ReplacedPool d(pool_of(4));
  d.ready(d.candidate());
  d.serve_each_worker();
  d.advance(seconds(2));
  CHECK_FALSE(d.reported(Stage::kTakesOver));  // it has served one of two
  d.serve_each_worker();
  CHECK(d.reported(Stage::kTakesOver));
  CHECK(d.count<action::SendDrain>() == 1);
  for (int i = 0; i < 4; ++i) d.ready_all();
  CHECK(d.count<action::SendDrain>() == 4);
  CHECK(d.pool.lifecycle().rollout().generation() == 2);
}

TEST_CASE("without connections three times the time is enough") {
  ReplacedPool d(pool_of(2));
  d.ready(d.candidate());
  d.advance(milliseconds(5999));
  CHECK_FALSE(d.reported(Stage::kTakesOver));
  d.advance(milliseconds(1));
  CHECK(d.reported(Stage::kTakesOver));
}

TEST_CASE("a worker on trial that dies before Ready, or at its first connection, ends only the rollout") {
  for (const bool ready : {false, true}) {
    CAPTURE(ready);
    ReplacedPool d(pool_of(3));
    if (ready) {
      d.ready(d.candidate());
      std::vector<Ticket> tickets;
      for (int i = 0; i < 4; ++i) tickets.push_back(d.accept());
      for (const Ticket ticket : tickets) d.busy(ticket);
    }
    d.exit(d.candidate(), Exit{Exit::Kind::kSignaled, 11});
    REQUIRE(d.reported(Stage::kFailed));
    const auto& report = d.last<action::ReportRollout>();
    CHECK(report.generation == 2);
    REQUIRE(report.death);
    CHECK(report.death->exit.value == 11);
    CHECK(d.pool.lifecycle().rollout().generation() == 1);
    CHECK_FALSE(d.pool.lifecycle().rollout().trial());
    CHECK(d.count<action::SendDrain>() == 0);
    d.advance(seconds(60));
    CHECK(d.started.size() == d.before + 1);  // it is not tried again
    CHECK(d.count_status(WorkerStatus::kReady) == 3);
    CHECK(d.pool.lifecycle().failures() == 0);
  }
}

TEST_CASE(
    "FAULTS 118: a new version that hangs at its first connection fails its trial, and the old one serves") {
  for (const bool begun : {false, true}) {
    CAPTURE(begun);
    ReplacedPool d(pool_of(3));
    for (std::uint64_t i = 0; i < Probation::kKnown; ++i) d.serve_one();
    d.ready(d.candidate());
    std::vector<Ticket> tickets;
    while (d.row(d.candidate()).load == 0) tickets.push_back(d.accept());
    const Ticket hung = tickets.back();
    for (const Ticket ticket : tickets) {
      if (ticket != hung || begun) d.busy(ticket);
      if (ticket != hung) d.idle(ticket);
    }
    for (int second = 0; second < 6; ++second) {
      CHECK_FALSE(d.terminated(d.candidate()));
      d.advance(seconds(1));
      CHECK(d.serve_one() != d.candidate());
    }
    CHECK(d.terminated(d.candidate()));
    CHECK(d.count<action::SendDrain>() == 0);
    CHECK_FALSE(d.reported(Stage::kTakesOver));
    d.exit(d.candidate(), PoolDriver::kKilled);
    REQUIRE(d.reported(Stage::kFailed));
    CHECK(d.last<action::ReportRollout>().death->reason == StopReason::kFailedTrial);
    CHECK(d.last<action::ReportRollout>().death->held_begun == (begun ? 1 : 0));
    CHECK(d.pool.lifecycle().rollout().generation() == 1);
    CHECK(static_cast<bool>(d.holder(hung)) == !begun);  // it goes to a worker that serves
    if (!begun) d.busy(hung);
    d.advance(seconds(60));
    CHECK(d.started.size() == d.before + 1);
    CHECK(d.count_status(WorkerStatus::kReady) == 3);
  }
}

TEST_CASE(
    "FAULTS 119: a new version that refuses its connections fails its trial, and the old one serves them") {
  ReplacedPool d(pool_of(3));
  d.ready(d.candidate());
  std::size_t refusals = 0;
  for (int i = 0; i < 100 && !d.reported(Stage::kFailed); ++i) {
    const Ticket ticket = d.accept();
    if (d.holder(ticket) == d.candidate()) {
      ++refusals;
      d.refuse(ticket);
    }
    d.busy(ticket);
    d.idle(ticket);
    d.advance(Dispatcher::kPause);
    if (d.count_for<action::SendDrain>(d.candidate()) == 1) d.exit(d.candidate());
  }
  REQUIRE(d.reported(Stage::kFailed));
  CHECK(d.last<action::ReportRollout>().death->reason == StopReason::kFailedTrial);
  CHECK(d.last<action::ReportRollout>().death->refused == refusals);
  CHECK(d.pool.counters().gave_up == 0);
  CHECK(d.count_status(WorkerStatus::kReady) == 3);
}

TEST_CASE(
    "a version that failed its trial and does not leave when drained is signalled, for the same reason") {
  ReplacedPool d(pool_of(1));
  d.ready(d.candidate());
  const Ticket other = d.accept();
  const Ticket ticket = d.accept();
  const bool first = d.holder(other) == d.candidate();
  d.busy(first ? ticket : other);
  d.idle(first ? ticket : other);
  d.refuse(first ? other : ticket);
  d.busy(first ? other : ticket);
  d.advance(seconds(6));
  REQUIRE(d.count_for<action::SendDrain>(d.candidate()) == 1);
  d.advance(d.pool.settings().kill_timeout);
  CHECK(d.terminated(d.candidate()));
  d.exit(d.candidate(), PoolDriver::kKilled);
  CHECK(d.last<action::ReportRollout>().death->reason == StopReason::kFailedTrial);
}

TEST_CASE("FAULTS 118: after a standstill the worker on trial may catch up before it is judged") {
  ReplacedPool d(pool_of(1));
  for (std::uint64_t i = 0; i < Probation::kKnown; ++i) d.serve_one();
  d.ready(d.candidate());
  const Ticket first = d.accept();
  const Ticket second = d.accept();
  d.now += std::chrono::hours(1);
  d.busy(first);
  CHECK_FALSE(d.terminated(d.candidate()));
  d.handle(event::DeadlinePassed{});
  CHECK_FALSE(d.terminated(d.candidate()));
  d.idle(first);
  d.busy(second);
  d.idle(second);
  d.advance(seconds(2));
  CHECK_FALSE(d.terminated(d.candidate()));
  CHECK(d.reported(Stage::kTakesOver));
}

TEST_CASE("a worker on trial that never gets ready is killed at start_timeout, and the rollout fails") {
  ReplacedPool d(pool_of(3));
  d.advance(d.pool.settings().start_timeout);
  CHECK(d.killed(d.candidate()));
  CHECK_FALSE(d.reported(Stage::kFailed));
  d.exit(d.candidate(), PoolDriver::kKilled);
  CHECK(d.reported(Stage::kFailed));
  CHECK(d.last<action::ReportRollout>().death->reason == StopReason::kStartTimeout);
}

TEST_CASE("workers that die during a trial are replaced by workers of their own generation") {
  ReplacedPool d(pool_of(2));
  d.exit(d.started[0], PoolDriver::kKilled);
  CHECK(d.last<action::StartWorker>().generation == 1);
  d.ready_all();
  d.advance(seconds(6));
  CHECK(d.last<action::StartWorker>().generation == 2);
}

TEST_CASE("a second change takes the place of the generation on trial") {
  ReplacedPool d(pool_of(2));
  d.ready(d.candidate());
  const WorkerId first = d.candidate();
  d.handle(event::SettingsChanged{pool_of(2), event::SettingsChanged::Workers::kReplaced});
  CHECK(d.count_for<action::SendDrain>(first) == 1);
  CHECK(d.pool.lifecycle().rollout().trial() == Generation{3});
  d.exit(first);
  CHECK_FALSE(d.reported(Stage::kFailed));
  d.ready(d.candidate());
  d.advance(seconds(6));
  CHECK(d.pool.lifecycle().rollout().generation() == 3);
}

TEST_CASE("when no worker serves, the new generation takes over at once") {
  PoolDriver d(pool_of(3));
  d.handle(event::SettingsChanged{pool_of(3), event::SettingsChanged::Workers::kReplaced});
  CHECK(d.pool.lifecycle().rollout().generation() == 2);
  CHECK_FALSE(d.pool.lifecycle().rollout().trial());
}

TEST_CASE("with start: fork a template of the new generation is started first, and fails like its worker") {
  PoolSettings settings = pool_of(2);
  settings.start = StartForm::kFork;
  ReplacedPool d(settings);
  CHECK(d.row(d.candidate()).role == WorkerRole::kTemplate);
  const WorkerId origin = d.candidate();
  SUBCASE("the template fails") {
    d.exit(origin, Exit{Exit::Kind::kExited, 1});
    CHECK(d.reported(Stage::kFailed));
  }
  SUBCASE("its worker fails: the template leaves") {
    d.ready(origin, 0);
    CHECK(d.last<action::StartWorker>().from == origin);
    d.exit(d.candidate(), Exit{Exit::Kind::kExited, 1});
    CHECK(d.reported(Stage::kFailed));
    CHECK(d.count_for<action::SendDrain>(origin) == 1);
  }
  SUBCASE("both stand it: the old template leaves with its workers") {
    d.ready(origin, 0);
    d.ready(d.candidate());
    d.advance(seconds(6));
    for (int i = 0; i < 3; ++i) d.ready_all();
    d.leave_all();
    CHECK(d.pool.workers().size() == 3);
    CHECK(d.pool.lifecycle().rollout().generation() == 2);
  }
}

TEST_CASE(
    "when a third generation takes over, the last workers of the first are ended even if they are busy") {
  PoolSettings settings = pool_of(1);
  settings.probation = {Duration::zero(), 0};
  settings.stop_timeout = std::chrono::hours(1);
  PoolDriver d(settings);
  d.ready_all();
  std::vector<WorkerId> generations;
  for (int i = 0; i < 3; ++i) {
    const Ticket ticket = d.accept();
    d.busy(ticket);
    generations.push_back(d.holder(ticket));
    d.handle(event::SettingsChanged{settings, event::SettingsChanged::Workers::kReplaced});
    d.ready_all();
  }
  CHECK(d.terminated(generations[0]));
  CHECK_FALSE(d.terminated(generations[1]));
  CHECK_FALSE(d.terminated(generations[2]));
}

TEST_CASE("abandoned trials do not make the serving generation an old one") {
  PoolSettings settings = pool_of(2);
  settings.stop_timeout = std::chrono::hours(1);
  PoolDriver d(settings);
  d.ready_all();
  const std::vector<WorkerId> serving = d.started;
  std::vector<Ticket> tickets;
  for (int i = 0; i < 5; ++i) {
    tickets.push_back(d.accept());
    if (d.holder(tickets.back())) d.busy(tickets.back());
    d.handle(event::SettingsChanged{settings, event::SettingsChanged::Workers::kReplaced});
    d.ready(d.started.back());
  }
  d.advance(seconds(6));
  CHECK(d.pool.lifecycle().rollout().generation() == 6);
  for (const WorkerId worker : serving) CHECK_FALSE(d.terminated(worker));
}

TEST_CASE("a generation without workers is forgotten, once") {
  ReplacedPool d(pool_of(1));
  d.ready(d.candidate());
  d.advance(seconds(6));
  CHECK(d.count<action::ForgetGeneration>() == 0);
  d.leave_all();
  CHECK(d.count<action::ForgetGeneration>() == 1);
  CHECK(d.last<action::ForgetGeneration>().generation == 1);
}

}  // namespace
}  // namespace prefork
