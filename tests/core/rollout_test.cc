// The generations of a pool, without the pool: a trial begins, needs workers, passes or is abandoned.
#include "supervisor/core/rollout.h"

#include <doctest/doctest.h>

#include <cstddef>
#include <vector>

namespace prefork {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;
using Stage = action::ReportRollout::Stage;

constexpr Instant kNow = Instant{} + std::chrono::hours(1);

struct Fixture {
  explicit Fixture(StartForm start = StartForm::kExec) {
    settings.start = start;
    settings.probation = {seconds(2), 2};
  }
  WorkerRow& add(Generation generation, WorkerRole role = WorkerRole::kWorker) {
    return workers.add(role, generation, kNow);
  }
  void make_ready(WorkerRow& row) {
    row.ready_at = kNow;
    workers.set_status(row, WorkerStatus::kReady, kNow);
  }
  /// Begins a trial and starts its worker, which is ready at kNow.
  WorkerRow& ready_on_trial() {
    (void)rollout.begin(/*with_trial=*/true, out);
    WorkerRow& row = add(*rollout.trial());
    rollout.started(row.id);
    make_ready(row);
    return row;
  }
  [[nodiscard]] bool passed(Instant now) { return rollout.judge(now) == Trial::kPassed; }
  [[nodiscard]] std::vector<Generation> forgotten() const {
    std::vector<Generation> generations;
    for (const Action& action : out) {
      if (const auto* forget = std::get_if<action::ForgetGeneration>(&action))
        generations.push_back(forget->generation);
    }
    return generations;
  }
  [[nodiscard]] Stage reported() const { return std::get<action::ReportRollout>(out.back()).stage; }

  PoolSettings settings;
  WorkerTable workers;
  ConnectionTable connections;
  Histogram busy_times;
  Rollout rollout{settings, workers, Probation(settings, connections, busy_times)};
  Actions out;
};

TEST_CASE("the first generation serves without a trial") {
  const Fixture f;
  CHECK(f.rollout.generation() == 1);
  CHECK(f.rollout.next_generation() == 2);
  CHECK_FALSE(f.rollout.trial());
  CHECK_FALSE(f.rollout.missing());
  CHECK_FALSE(f.rollout.next_deadline());
}

TEST_CASE("a trial needs one worker, and the old generation serves meanwhile") {
  Fixture f;
  CHECK_FALSE(f.rollout.begin(/*with_trial=*/true, f.out));
  CHECK(f.reported() == Stage::kTrial);
  CHECK(f.rollout.trial() == Generation{2});
  CHECK(f.rollout.generation() == 1);
  const auto missing = f.rollout.missing();
  REQUIRE(missing);
  CHECK(missing->role == WorkerRole::kWorker);
  CHECK_FALSE(missing->from);
  const WorkerRow& row = f.add(2);
  f.rollout.started(row.id);
  CHECK_FALSE(f.rollout.missing());
  CHECK(f.rollout.on_trial(row));
  CHECK_FALSE(f.rollout.serves(row));
}

TEST_CASE("a trial that forks needs a template, waits until it is ready, and then needs a worker of it") {
  Fixture f(StartForm::kFork);
  (void)f.rollout.begin(/*with_trial=*/true, f.out);
  REQUIRE(f.rollout.missing());
  CHECK(f.rollout.missing()->role == WorkerRole::kTemplate);
  WorkerRow& fork_template = f.add(2, WorkerRole::kTemplate);
  CHECK_FALSE(f.rollout.missing());
  f.make_ready(fork_template);
  REQUIRE(f.rollout.missing());
  CHECK(f.rollout.missing()->role == WorkerRole::kWorker);
  CHECK(f.rollout.missing()->from == fork_template.id);
}

TEST_CASE("a worker passes when it has been ready for the time and has served the connections") {
  Fixture f;
  WorkerRow& row = f.ready_on_trial();
  CHECK_FALSE(f.passed(kNow));
  CHECK(f.rollout.next_deadline() == kNow + seconds(2));
  row.served = 2;
  CHECK_FALSE(f.passed(kNow + milliseconds(1999)));
  CHECK(f.passed(kNow + seconds(2)));
  CHECK_FALSE(f.rollout.next_deadline());
}

TEST_CASE("a worker with too few connections passes after three times the time") {
  Fixture f;
  f.ready_on_trial().served = 1;
  CHECK_FALSE(f.passed(kNow + seconds(2)));
  CHECK(f.rollout.next_deadline() == kNow + seconds(6));
  CHECK(f.passed(kNow + seconds(6)));
}

TEST_CASE("a worker that is not ready, or gone, does not pass") {
  Fixture f;
  WorkerRow& row = f.ready_on_trial();
  row.served = 2;
  f.workers.set_status(row, WorkerStatus::kStopping, kNow);
  CHECK_FALSE(f.passed(kNow + seconds(60)));
  f.workers.remove(row.id);
  CHECK_FALSE(f.passed(kNow + seconds(60)));
  CHECK_FALSE(f.rollout.next_deadline());
}

TEST_CASE("the generation that takes over brings its own form of start") {
  Fixture f;
  f.settings.start = StartForm::kFork;
  (void)f.rollout.begin(/*with_trial=*/true, f.out);
  f.settings.start = StartForm::kExec;  // a later reload that replaces nothing
  CHECK(f.rollout.start() == StartForm::kExec);
  CHECK_FALSE(f.rollout.take_over(f.out));
  CHECK(f.reported() == Stage::kTakesOver);
  CHECK(f.rollout.generation() == 2);
  CHECK(f.rollout.start() == StartForm::kFork);
  CHECK_FALSE(f.rollout.trial());
}

TEST_CASE("without a trial a new generation serves at once, until it is proven it only starts") {
  Fixture f;
  CHECK_FALSE(f.rollout.begin(/*with_trial=*/false, f.out));
  CHECK(f.rollout.generation() == 2);
  CHECK(f.reported() == Stage::kStarts);
  f.rollout.ready(kNow + seconds(1));
  CHECK(f.rollout.next_deadline() == kNow + seconds(1));
  CHECK_FALSE(f.rollout.proof_is_due(kNow));
  CHECK(f.rollout.proof_is_due(kNow + seconds(1)));
  f.rollout.proven(f.out);
  CHECK(f.reported() == Stage::kServes);
  CHECK_FALSE(f.rollout.next_deadline());
}

TEST_CASE("an abandoned trial leaves the present generation, and its number is not used again") {
  Fixture f;
  CHECK_FALSE(f.rollout.end_trial());
  (void)f.ready_on_trial();
  CHECK_FALSE(f.passed(kNow));
  CHECK(f.rollout.end_trial() == Generation{2});
  CHECK(f.rollout.generation() == 1);
  CHECK_FALSE(f.rollout.next_deadline());
  CHECK(f.rollout.next_generation() == 3);
}

TEST_CASE("two generations may finish their work; the third take-over ends the first, trials not counted") {
  Fixture f;
  CHECK_FALSE(f.rollout.begin(false, f.out));
  (void)f.rollout.begin(true, f.out);
  (void)f.rollout.end_trial();
  CHECK_FALSE(f.rollout.begin(false, f.out));
  CHECK(f.rollout.begin(false, f.out) == Generation{2});
  CHECK(f.rollout.begin(false, f.out) == Generation{4});
}

TEST_CASE("a generation is forgotten once, when it has no worker left and serves no more") {
  Fixture f;
  const WorkerId old = f.add(1).id;
  (void)f.rollout.begin(false, f.out);
  (void)f.rollout.begin(true, f.out);
  f.rollout.forget_unused(f.out);
  CHECK(f.forgotten().empty());
  f.workers.remove(old);
  (void)f.rollout.end_trial();
  f.rollout.forget_unused(f.out);
  CHECK(f.forgotten() == std::vector<Generation>{1, 3});
  f.rollout.forget_unused(f.out);
  CHECK(f.forgotten() == std::vector<Generation>{1, 3});
}

}  // namespace
}  // namespace prefork
