// Readers of output take turns, in a share of the loop's time.
#include "supervisor/loop/shared_turns.h"

#include <doctest/doctest.h>

#include <algorithm>
#include <chrono>
#include <memory>
#include <vector>

#include "supervisor/system/clock.h"
#include "tests/support/eventually.h"

namespace prefork {
namespace {

using namespace std::chrono_literals;

/// A worker that always has more to be read, which takes some time.
class Flood final : public SharedTurns::Member {
 public:
  Flood(const Loop& loop, SharedTurns& share) : share_(share), readable_(loop) { watch(); }
  ~Flood() { share_.forget(*this); }
  Flood(const Flood&) = delete;
  Flood& operator=(const Flood&) = delete;
  void step() override {
    ++reads;
    const Duration end = processor_time() + 200us;
    while (processor_time() < end) {
    }
    watch();
  }
  int reads = 0;

 private:
  void watch() { readable_.start(0ms, Callback::to<&Flood::on_readable>(*this)); }
  void on_readable() { (void)share_.request(*this); }

  SharedTurns& share_;
  TimerWatcher readable_;
};

struct Floods {
  Floods() {
    for (int i = 0; i < 20; ++i) all.push_back(std::make_unique<Flood>(loop, share));
    turns.start(Callback::to<&Floods::on_turn>(*this));
  }
  void on_turn() { ++turns_counted; }
  [[nodiscard]] int reads() const {
    int sum = 0;
    for (const auto& flood : all) sum += flood->reads;
    return sum;
  }

  Loop loop;
  SharedTurns share{loop};
  std::vector<std::unique_ptr<Flood>> all;
  int turns_counted = 0;
  BeforeSleepWatcher turns{loop};
};

TEST_CASE("FAULTS 106: all readers are served in turn, a few in each turn of the loop") {
  Floods floods;
  const Instant start = current_time();
  while (floods.reads() < 400) {
    const int reads = floods.reads();
    floods.loop.run_once();
    CHECK(floods.reads() - reads <= 6);
  }
  const auto [least, most] = std::minmax_element(
      floods.all.begin(), floods.all.end(), [](const auto& a, const auto& b) { return a->reads < b->reads; });
  CHECK((*most)->reads - (*least)->reads <= 1);
  CHECK(floods.turns_counted > 60);
  // 400 reads of 200 µs take at least five times as long: a fifth of the time is theirs.
  CHECK(current_time() - start >= 350ms);
}

TEST_CASE("a reader that is destroyed while it waits is not read") {
  Floods floods;
  while (floods.reads() < 10) floods.loop.run_once();
  floods.all.resize(3);
  const int reads = floods.reads();
  while (floods.reads() < reads + 30) floods.loop.run_once();
}

TEST_CASE("reading that cannot wait is paid for by what can") {
  Loop loop;
  SharedTurns share(loop);
  loop.run_once();
  CHECK_FALSE(share.overdrawn());
  share.spent(10ms);
  CHECK(share.overdrawn());
  Flood flood(loop, share);
  loop.run_once();
  CHECK(flood.reads == 0);
}

}  // namespace
}  // namespace prefork
