// The phases of a stop and their deadlines, without the pool around them.
#include "supervisor/core/stop_sequence.h"

#include <doctest/doctest.h>

#include <cstdint>
#include <utility>

#include "supervisor/core/snapshot_reader.h"
#include "supervisor/core/snapshot_writer.h"

namespace prefork {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;
using Phase = StopSequence::Phase;
using Step = StopSequence::Step;
using Urgency = StopSequence::Urgency;

constexpr Instant kNow = Instant{} + std::chrono::hours(1);
constexpr StopSequence::Remaining kNothing{.all_begun = true, .may_be_parked = false, .workers = true};

constexpr Unserved kUnserved{.lost = 3, .expired = 2};

/// What an earlier version writes of a stop: the number of unserved connections, not how they ended.
struct EarlierStop {
  Phase phase = Phase::kLeaving;
  std::uint64_t unserved = 5;
  template <typename Self, typename Visit>
  static void visit_state(Self& self, Visit&& visit) {
    visit("phase", self.phase), visit("unserved_before_stop", self.unserved);
  }
};

StopSequence begun(Duration stop_timeout = seconds(30)) {
  StopSequence stop;
  stop.begin(stop_timeout, kUnserved, kNow);
  return stop;
}

TEST_CASE("a pool runs until its stop begins, and has no deadline until then") {
  StopSequence stop;
  CHECK(stop.running());
  CHECK_FALSE(stop.next_deadline());
  CHECK(stop.next_step(kNothing) == Step::kNone);
  CHECK_FALSE(stop.deadline_passed(kNow));
  stop.begin(seconds(30), {}, kNow);
  CHECK(stop.phase() == Phase::kFinishing);
  CHECK_FALSE(stop.running());
}

TEST_CASE("workers may leave when all connections are begun and none may be parked") {
  const StopSequence stop = begun();
  CHECK(stop.next_step(kNothing) == Step::kLeave);
  CHECK(stop.next_step({.all_begun = false, .may_be_parked = false, .workers = true}) == Step::kNone);
  CHECK(stop.next_step({.all_begun = true, .may_be_parked = true, .workers = true}) == Step::kNone);
}

TEST_CASE("without a worker nothing is waited for") {
  CHECK(begun().next_step({.all_begun = false, .may_be_parked = true, .workers = false}) == Step::kLeave);
}

TEST_CASE("connections that may be parked are waited for one second, and half of stop_timeout at most") {
  const StopSequence::Remaining parkable{.all_begun = true, .may_be_parked = true, .workers = true};
  for (const auto& [timeout, wait] : {std::pair<Duration, Duration>(seconds(30), seconds(1)),
                                      std::pair<Duration, Duration>(milliseconds(500), milliseconds(250))}) {
    StopSequence stop = begun(timeout);
    CHECK(stop.next_deadline() == kNow + wait);
    CHECK_FALSE(stop.deadline_passed(kNow + wait - milliseconds(1)));
    CHECK(stop.next_step(parkable) == Step::kNone);
    CHECK_FALSE(stop.deadline_passed(kNow + wait));
    CHECK(stop.next_step(parkable) == Step::kEndParking);
    CHECK(stop.next_step({.all_begun = false, .may_be_parked = true, .workers = true}) == Step::kNone);
    CHECK(stop.next_deadline() == kNow + timeout);
  }
}

TEST_CASE("when stop_timeout has passed the workers are terminated, once") {
  StopSequence stop = begun();
  CHECK_FALSE(stop.deadline_passed(kNow + milliseconds(29'999)));
  CHECK(stop.deadline_passed(kNow + seconds(30)));
  CHECK(stop.phase() == Phase::kLeaving);
  CHECK_FALSE(stop.deadline_passed(kNow + seconds(31)));
  CHECK_FALSE(stop.next_deadline());
}

TEST_CASE("stop_timeout goes on while the workers leave, and nothing is parked any more") {
  StopSequence stop = begun();
  stop.leave();
  CHECK(stop.phase() == Phase::kLeaving);
  CHECK(stop.next_deadline() == kNow + seconds(30));
  CHECK(stop.next_step(kNothing) == Step::kNone);
}

TEST_CASE("the first quick request terminates, each further one kills, and no deadline is left") {
  StopSequence stop = begun();
  CHECK(stop.hurry() == Urgency::kTerminate);
  CHECK(stop.phase() == Phase::kLeaving);
  CHECK_FALSE(stop.next_deadline());
  CHECK(stop.hurry() == Urgency::kKill);
  CHECK(stop.hurry() == Urgency::kKill);
}

TEST_CASE("a stop tells what was left unserved since it began, and how it ended") {
  StopSequence stop = begun();
  stop.leave();
  SUBCASE("what was unserved before does not count") { CHECK(stop.end(kUnserved).total() == 0); }
  SUBCASE("one more counts") {
    const Unserved cut = stop.end({.lost = 3, .expired = 2, .discarded = 1});
    CHECK(cut.discarded == 1);
    CHECK(cut.total() == 1);
  }
  CHECK(stop.phase() == Phase::kStopped);
  CHECK_FALSE(stop.next_deadline());
}

TEST_CASE("FAULTS 142: a stop that an earlier version has begun knows how many it has cut") {
  StopSequence stop;
  REQUIRE(from_snapshot(to_snapshot(EarlierStop{}), stop).empty());
  CHECK(stop.phase() == Phase::kLeaving);
  CHECK(stop.end({.lost = 4, .expired = 2, .discarded = 1}).total() == 2);
}

}  // namespace
}  // namespace prefork
