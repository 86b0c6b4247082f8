// The pump between a loop and a pool's core: the order of events, and the core's deadlines.
#include "supervisor/pool/event_pump.h"

#include <doctest/doctest.h>
#include <fcntl.h>
#include <unistd.h>

#include <array>
#include <chrono>
#include <string>
#include <variant>
#include <vector>

#include "proto/fd.h"
#include "supervisor/system/clock.h"
#include "tests/support/eventually.h"

namespace prefork {
namespace {

using namespace test;
using std::chrono::milliseconds;

PoolSettings settings() {
  PoolSettings settings;
  settings.workers = 2;
  settings.start_timeout = milliseconds(50);
  return settings;
}

/// A core with its pump. Notes the actions.
class Pumped final : private EventPump::Performer {
  Loop loop_;
  Pool core_{settings(), 1, current_time()};

 public:
  EventPump pump{loop_, core_, *this};
  std::vector<WorkerId> started;
  std::vector<WorkerId> forgotten;
  bool starts_fail = false;
  int killed = 0;

  /// Each byte in the pipe stands for an event: 'R' is a Ready of every worker.
  void watch(int pipe) {
    watched_ = pipe;
    watcher_.start(pipe, Callback::to<&Pumped::hear>(*this));
  }
  void run_once() { loop_.run_once(); }

  /// Runs the loop until a worker has been killed.
  void run_until_killed() {
    TimerWatcher timeout(loop_);
    timeout.start(kPatience, Callback::to<&Pumped::stop>(*this));
    loop_.run();
  }

 private:
  void perform(const Action& action) override {
    CHECK_FALSE(performing_);
    performing_ = true;
    if (const auto* start = std::get_if<action::StartWorker>(&action)) {
      started.push_back(start->worker);
      if (starts_fail) pump.tell(event::WorkerExited{start->worker, Exit{Exit::Kind::kNotStarted, 0}});
    }
    if (const auto* forget = std::get_if<action::ForgetWorker>(&action)) forgotten.push_back(forget->worker);
    if (std::holds_alternative<action::SignalWorker>(action)) {
      ++killed;
      loop_.stop();
    }
    performing_ = false;
  }
  void stop() { loop_.stop(); }
  void hear() {
    char byte = 0;
    REQUIRE(::read(watched_, &byte, 1) == 1);
    if (byte != 'R') return pump.tell(event::DescriptorsShort{});
    for (const WorkerId worker : started) pump.tell(event::WorkerReady{worker, 1, {}});
  }

  bool performing_ = false;
  int watched_ = -1;
  ReadWatcher watcher_{loop_};
};

TEST_CASE("the first event has the core's first actions carried out") {
  Pumped pool;
  pool.pump.tell(event::DeadlinePassed{});
  CHECK(pool.started.size() == 2);
}

TEST_CASE(
    "an event that is told while actions are carried out is handled after them, before tell() returns") {
  Pumped pool;
  pool.starts_fail = true;
  pool.pump.tell(event::DeadlinePassed{});
  // Both starts were carried out before the first failure was handled, and both failures were handled.
  REQUIRE(pool.started.size() == 2);
  CHECK(pool.forgotten == pool.started);
}

TEST_CASE("the core is woken at its deadline without another event") {
  Pumped pool;
  const Instant begun = current_time();
  pool.pump.tell(event::DeadlinePassed{});
  REQUIRE(pool.started.size() == 2);
  pool.run_until_killed();  // no worker says Ready within start_timeout
  CHECK(pool.killed >= 1);
  CHECK(current_time() - begun >= milliseconds(50));
}

TEST_CASE("a deadline that comes nearer is kept") {
  Pumped pool;
  pool.pump.tell(event::DeadlinePassed{});
  PoolSettings slow = settings();
  slow.start_timeout = std::chrono::hours(1);
  pool.pump.tell(event::SettingsChanged{slow});
  PoolSettings fast = settings();
  pool.pump.tell(event::SettingsChanged{fast});
  pool.run_until_killed();
  CHECK(pool.killed >= 1);
}

/// A pool whose loop stands still until `time` after its start_timeout has passed, and finds `text` in the
/// pipe then. Returns the number of workers that were killed.
int killed_late(const std::string& text, Duration time) {
  Pumped pool;
  std::array<int, 2> ends{};
  REQUIRE(::pipe2(ends.data(), O_CLOEXEC) == 0);
  const Fd out(ends[0]);
  const Fd in(ends[1]);
  pool.watch(out.get());
  pool.pump.tell(event::DeadlinePassed{});
  pool.run_once();  // the kernel watches the pipe
  REQUIRE(::write(in.get(), text.data(), text.size()) == static_cast<ssize_t>(text.size()));
  const Instant late = current_time() + settings().start_timeout + time;
  (void)holds_within(kPatience, [&] { return current_time() >= late; });
  for (std::size_t turn = 0; turn < 100; ++turn) pool.run_once();
  return pool.killed;
}

TEST_CASE("FAULTS 550: what has come is read before a deadline that has passed is judged") {
  CHECK(killed_late("R", milliseconds(1)) == 0);
}

TEST_CASE("FAULTS 550: a loop that is late reads all that has come before it judges a deadline") {
  CHECK(killed_late("xxxR", milliseconds(150)) == 0);
}

TEST_CASE("FAULTS 551: a deadline does not wait without end for what a worker sends") {
  CHECK(killed_late("xxx", milliseconds(150)) > 0);
  CHECK(killed_late(std::string(90, 'x') + 'R', milliseconds(150)) > 0);
}

}  // namespace
}  // namespace prefork
