// A generation that begins without a trial: when it is of use, and when its workers do not start.
#include <doctest/doctest.h>

#include <cstddef>

#include "tests/core/pool_driver.h"

namespace prefork {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;
using Stage = action::ReportRollout::Stage;

class YoungPool : public PoolDriver {
 public:
  explicit YoungPool(std::size_t workers) : PoolDriver(of(workers)) {}
  [[nodiscard]] static PoolSettings of(std::size_t workers) {
    PoolSettings settings;
    settings.workers = workers;
    return settings;
  }
  [[nodiscard]] std::size_t reported(Stage stage, Generation generation = 1) const {
    return count<action::ReportRollout>(
        [&](const auto& report) { return report.stage == stage && report.generation == generation; });
  }
};

TEST_CASE("the first generation serves when a worker has been ready for a second, or has served") {
  for (const bool serves : {false, true}) {
    CAPTURE(serves);
    YoungPool d(2);
    d.ready_all();
    d.advance(milliseconds(999));
    CHECK(d.reported(Stage::kServes) == 0);
    if (serves) {
      (void)d.serve_one();
    } else {
      d.advance(milliseconds(1));
    }
    CHECK(d.reported(Stage::kServes) == 1);
    d.advance(seconds(10));
    (void)d.serve_one();
    CHECK(d.reported(Stage::kServes) == 1);  // once
  }
}

TEST_CASE("FAULTS 151: a generation without a trial whose workers die does not start, until one is of use") {
  YoungPool d(1);
  for (int i = 0; i < 3; ++i) {
    d.ready(d.started.back());
    d.exit(d.started.back(), Exit{Exit::Kind::kExited, 3});
    CHECK(d.reported(Stage::kDoesNotStart) == 1);  // the first death tells it
    d.advance(seconds(5));
  }
  CHECK(d.last<action::ReportRollout>().death->exit.value == 3);
  CHECK(d.reported(Stage::kServes) == 0);
  d.ready(d.started.back());
  d.advance(seconds(1));
  CHECK(d.reported(Stage::kServes) == 1);
}

TEST_CASE("a worker that dies within its first second leaves the proof to the next one") {
  YoungPool d(1);
  d.ready(d.started.back());
  d.advance(milliseconds(900));
  d.exit(d.started.back());
  d.advance(milliseconds(500));
  d.ready(d.started.back());
  d.advance(milliseconds(900));
  CHECK(d.reported(Stage::kServes) == 0);
  d.advance(milliseconds(100));
  CHECK(d.reported(Stage::kServes) == 1);
}

TEST_CASE("a new generation takes the place of one that does not start, without a trial") {
  YoungPool d(1);
  d.exit(d.started.back());
  d.handle(event::SettingsChanged{YoungPool::of(1), event::SettingsChanged::Workers::kReplaced});
  CHECK(d.reported(Stage::kStarts, 2) == 1);
  d.advance(seconds(5));
  d.ready(d.started.back());
  d.advance(seconds(1));
  CHECK(d.reported(Stage::kServes, 2) == 1);
  CHECK(d.reported(Stage::kServes, 1) == 0);
}

TEST_CASE("a pool that is to have no workers has nothing to prove") {
  YoungPool none(0);
  CHECK(none.reported(Stage::kServes) == 1);
  CHECK(none.pool.lifecycle().serves());
  YoungPool fewer(1);
  CHECK_FALSE(fewer.pool.lifecycle().serves());
  fewer.handle(event::Resized{0});
  CHECK(fewer.reported(Stage::kServes) == 1);
  CHECK(fewer.pool.lifecycle().serves());
}

TEST_CASE("a trial that another generation replaces is abandoned, and one that has failed is not") {
  YoungPool d(1);
  d.ready_all();
  d.advance(seconds(1));
  d.handle(event::SettingsChanged{YoungPool::of(1), event::SettingsChanged::Workers::kReplaced});
  CHECK(d.reported(Stage::kTrial, 2) == 1);
  d.handle(event::SettingsChanged{YoungPool::of(1), event::SettingsChanged::Workers::kReplaced});
  CHECK(d.reported(Stage::kAbandoned, 2) == 1);
  CHECK(d.reported(Stage::kTrial, 3) == 1);
  d.exit(d.started.back());
  CHECK(d.reported(Stage::kFailed, 3) == 1);
  CHECK(d.reported(Stage::kAbandoned, 3) == 0);
}

TEST_CASE("a pool serves while a worker of the generation that serves is ready") {
  YoungPool d(2);
  CHECK_FALSE(d.pool.lifecycle().serves());
  d.ready(d.started.back());
  CHECK(d.pool.lifecycle().serves());
}

}  // namespace
}  // namespace prefork
