// The lengths of the loop's turns.
#include "supervisor/loop/turn_meter.h"

#include <doctest/doctest.h>

#include <chrono>

namespace prefork {
namespace {

using namespace std::chrono_literals;

const Instant kStart = Instant(1000s);

void turn(TurnMeter& meter, Instant at, Duration length) {
  meter.begin(at);
  meter.end(at + length);
}

TEST_CASE("FAULTS 101: the longest turn counts from the start, and within the last minute") {
  TurnMeter meter;
  turn(meter, kStart, 30ms);
  turn(meter, kStart + 40s, 20ms);
  turn(meter, kStart + 50s, 1ms);
  CHECK(meter.longest() == 30ms);
  CHECK(meter.longest_lately(kStart + 54s) == 30ms);
  CHECK(meter.longest_lately(kStart + 61s) == 20ms);
  CHECK(meter.longest_lately(kStart + 101s) == 1ms);
  CHECK(meter.longest_lately(kStart + 1h) == 0ms);
  CHECK(meter.longest() == 30ms);
}

TEST_CASE("the time before the first poll is no turn, and neither is the sleep between two turns") {
  TurnMeter meter;
  meter.end(kStart);
  CHECK(meter.longest() == 0ms);
  turn(meter, kStart, 1ms);
  turn(meter, kStart + 10s, 2ms);
  CHECK(meter.longest() == 2ms);
}

TEST_CASE("FAULTS 101: an upgrade in place is part of the turn in which it happens") {
  TurnMeter before;
  turn(before, kStart, 40ms);
  before.begin(kStart + 1s);
  TurnMeter after;
  after.adopt(before.began(), before.longest());
  CHECK(after.longest() == 40ms);
  after.end(kStart + 1s + 300ms);
  CHECK(after.longest() == 300ms);
  CHECK(after.longest_lately(kStart + 2s) == 300ms);
  TurnMeter without;
  without.adopt(Instant(), 0ms);
  without.end(kStart);
  CHECK(without.longest() == 0ms);
}

}  // namespace
}  // namespace prefork
