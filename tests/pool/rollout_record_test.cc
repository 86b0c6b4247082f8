// The verdict on a pool's last rollout, where the program before an upgrade in place has kept none.
#include "supervisor/pool/rollout_record.h"

#include <doctest/doctest.h>

#include <chrono>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>

#include "supervisor/control/rollout_words.h"
#include "tests/core/pool_driver.h"

namespace prefork {
namespace {

using std::chrono::seconds;

/// A pool whose state an earlier version has written, and what the next program makes of it.
class EarlierPool : public PoolDriver {
 public:
  EarlierPool() : PoolDriver(PoolSettings()) {}

  void begin_generation() {
    handle(event::SettingsChanged{PoolSettings(), event::SettingsChanged::Workers::kReplaced});
  }
  RolloutVerdict adopted(bool old_one_serves = false) {
    auto state = nlohmann::ordered_json::from_cbor(pool.snapshot().cbor);
    CHECK(state["lifecycle"].erase("debut") == 1);
    CHECK(state["lifecycle"].erase("debut_due") == 1);
    Snapshot earlier;
    nlohmann::ordered_json::to_cbor(state, earlier.cbor);
    next_.emplace(PoolSettings(), /*seed=*/1, now);
    REQUIRE(next_->restore(earlier) == "");
    RolloutRecord record(1, now);
    record.adopt(RolloutVerdict(), old_one_serves, next_->lifecycle());
    CHECK(record.old_one_serves() == old_one_serves);
    return record.verdict();
  }
  /// Reports about rollouts that follow in the next program.
  [[nodiscard]] std::size_t reports_after(const Event& event) {
    Actions done;
    next_->handle(event, now, done);
    std::size_t reports = 0;
    for (const Action& action : done)
      reports += std::holds_alternative<action::ReportRollout>(action) ? 1U : 0U;
    return reports;
  }

 private:
  std::optional<Pool> next_;
};

TEST_CASE("FAULTS 195: a generation that serves has taken over, and it is not known when") {
  EarlierPool pool;
  pool.ready_all();
  pool.advance(seconds(10));
  const RolloutVerdict verdict = pool.adopted();
  CHECK(describe(verdict, {}) == "generation 1 took over (not known when)");
  CHECK_FALSE(verdict.since);
  const Ticket ticket = Ticket::make(1, 0);
  (void)pool.reports_after(event::Accepted{ticket, 0, kNoAddress});
  (void)pool.reports_after(event::WorkerBusy{pool.started[0], ticket});
  CHECK(pool.reports_after(event::WorkerIdle{pool.started[0], ticket}) == 0);  // it is not news
}

TEST_CASE("FAULTS 195: a generation of which no worker is ready still starts, and has its verdict later") {
  EarlierPool pool;
  const RolloutVerdict verdict = pool.adopted();
  CHECK(describe(verdict, {}) == "generation 1 starts");
  CHECK(pool.reports_after(event::WorkerExited{pool.started[0], Exit{Exit::Kind::kExited, 1}}) == 1);
}

TEST_CASE("FAULTS 195: a trial goes on, and a rollout that failed has failed without a reason") {
  EarlierPool pool;
  pool.ready_all();
  pool.begin_generation();
  CHECK(describe(pool.adopted(), {}) == "generation 2 is on trial");
  pool.exit(pool.started[1], Exit{Exit::Kind::kExited, 1});
  CHECK(describe(pool.adopted(/*old_one_serves=*/true), {}) ==
        "generation 2 failed (not known when): an earlier version did not note why");
}

TEST_CASE("FAULTS 195: a verdict that was kept is carried over as it is") {
  EarlierPool pool;
  RolloutRecord record(1, pool.now);
  record.adopt({3, RolloutOutcome::kAbandoned, pool.now - seconds(5)}, /*old_one_serves=*/false,
               pool.pool.lifecycle());
  CHECK(record.verdict().generation == 3);
  CHECK(record.verdict().since == pool.now - seconds(5));
}

}  // namespace
}  // namespace prefork
