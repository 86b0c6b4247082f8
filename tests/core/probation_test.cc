// The worker on trial by itself: what it has served, refused and holds, and how long the pool's connections
// take.
#include "supervisor/core/probation.h"

#include <doctest/doctest.h>

#include <optional>

namespace prefork {
namespace {

using std::chrono::hours;
using std::chrono::milliseconds;
using std::chrono::minutes;
using std::chrono::seconds;

constexpr Instant kReady = Instant{} + hours(1);

struct Fixture {
  Fixture() {
    settings.probation = {seconds(1), 1};
    row.id = WorkerId::make(1, 0);
    row.status = WorkerStatus::kReady;
    row.ready_at = kReady;
    usually(milliseconds(10));
  }
  void usually(Duration duration) {
    busy_times = Histogram();
    for (std::uint64_t i = 0; i < Probation::kKnown; ++i) busy_times.add(duration);
  }
  Ticket dispatch(Instant when) {
    ConnectionRow& added = connections.add(tickets.allocate(), 0, when);
    connections.enqueue(added, when, false);
    connections.assign(added, row.id, when);
    return added.ticket;
  }
  Ticket begin(Instant when) {
    const Ticket ticket = dispatch(when);
    connections.begin(*connections.find(ticket), when, when);
    return ticket;
  }
  [[nodiscard]] Trial at(Duration since_ready) const { return judge(since_ready).trial; }
  [[nodiscard]] Verdict judge(Duration since_ready) const {
    return Probation(settings, connections, busy_times).judge(row, kReady + since_ready);
  }

  PoolSettings settings;
  ConnectionTable connections;
  Histogram busy_times;
  SlotAllocator<Ticket> tickets;
  WorkerRow row;
};

TEST_CASE("without connections time alone decides, three times the probation") {
  const Fixture f;
  CHECK(f.judge(milliseconds(1)).ask_again == kReady + seconds(1));
  CHECK(f.judge(seconds(1)).ask_again == kReady + seconds(3));
  CHECK(f.at(milliseconds(2999)) == Trial::kUndecided);
  CHECK(f.at(seconds(3)) == Trial::kPassed);
}

TEST_CASE("FAULTS 118: a worker that holds its first connection in silence does not pass, and then fails") {
  for (const bool begun : {false, true}) {
    CAPTURE(begun);
    Fixture f;
    (void)(begun ? f.begin(kReady) : f.dispatch(kReady));
    CHECK(f.at(seconds(3)) == Trial::kUndecided);
    CHECK(f.judge(seconds(3)).ask_again == kReady + Probation::kShortest);
    CHECK(f.at(Probation::kShortest) == Trial::kHangs);
  }
}

TEST_CASE(
    "FAULTS 118: a connection that the kernel says is begun is silent until the worker reports Progress") {
  Fixture f;
  const Ticket ticket = f.dispatch(kReady);
  const Instant looked_at = kReady + milliseconds(100);
  f.connections.begin(*f.connections.find(ticket), /*begun_at=*/kReady, looked_at);
  CHECK(f.at(seconds(3)) == Trial::kUndecided);
  CHECK(f.at(milliseconds(100) + Probation::kShortest) == Trial::kHangs);
}

TEST_CASE("FAULTS 118: what its connections may take follows what the pool's connections take") {
  Fixture f;
  f.begin(kReady);
  f.usually(seconds(4));
  CHECK(f.at(seconds(15)) == Trial::kUndecided);
  CHECK(f.at(seconds(18)) == Trial::kHangs);
  f.usually(seconds(30));
  CHECK(f.at(seconds(59)) == Trial::kUndecided);
  CHECK(f.at(Probation::kLongest) == Trial::kHangs);
  f.busy_times = Histogram();  // nothing is known yet
  CHECK(f.at(seconds(59)) == Trial::kUndecided);
  CHECK(f.at(Probation::kLongest) == Trial::kHangs);
}

TEST_CASE(
    "where most connections last for minutes, holding one counts neither for the worker nor against it") {
  Fixture f;
  f.begin(kReady);
  f.usually(minutes(10));
  CHECK(f.at(milliseconds(2999)) == Trial::kUndecided);
  CHECK(f.at(seconds(3)) == Trial::kPassed);
}

TEST_CASE("with no connections wanted, time alone decides, whatever the worker holds") {
  Fixture f;
  f.settings.probation.connections = 0;
  f.begin(kReady);
  CHECK(f.at(milliseconds(999)) == Trial::kUndecided);
  CHECK(f.at(seconds(1)) == Trial::kPassed);
}

TEST_CASE("a connection that the worker reports Progress for counts like one that it has served") {
  Fixture f;
  const Ticket ticket = f.begin(kReady);
  f.connections.progress(*f.connections.find(ticket), kReady + seconds(2));
  CHECK(f.at(seconds(3)) == Trial::kPassed);
}

TEST_CASE("a worker that has served enough passes though it holds another connection for long") {
  Fixture f;
  f.begin(kReady);
  f.row.served = 1;
  CHECK(f.at(seconds(1)) == Trial::kPassed);
}

TEST_CASE("a worker that has served too few and holds another connection in silence fails") {
  Fixture f;
  f.settings.probation.connections = 3;
  f.begin(kReady + seconds(2));
  f.row.served = 2;
  CHECK(f.at(seconds(6)) == Trial::kUndecided);
  CHECK(f.at(seconds(7)) == Trial::kHangs);
}

TEST_CASE("FAULTS 119: a worker that refuses more than it serves fails") {
  Fixture f;
  f.row.refused = 1;
  CHECK(f.at(seconds(1)) == Trial::kUndecided);
  CHECK(f.at(milliseconds(2999)) == Trial::kUndecided);
  CHECK(f.at(seconds(3)) == Trial::kRefuses);
  f.row.served = 1;
  CHECK(f.at(seconds(3)) == Trial::kPassed);
  f.row.refused = 2;
  CHECK(f.at(seconds(3)) == Trial::kRefuses);
  f.settings.probation.connections = 0;
  CHECK(f.at(seconds(3)) == Trial::kRefuses);
}

TEST_CASE("each connection that it refused asks for one more that it serves") {
  Fixture f;
  f.row.refused = 2;
  f.row.served = 2;
  CHECK(f.at(seconds(1)) == Trial::kUndecided);
  f.row.served = 3;
  CHECK(f.at(seconds(1)) == Trial::kPassed);
}

TEST_CASE("a worker that is stopped, or not ready, is not judged") {
  Fixture f;
  f.row.stopped = true;
  CHECK(f.at(hours(1)) == Trial::kUndecided);
  CHECK_FALSE(f.judge(hours(1)).ask_again);
  f.row.stopped = false;
  f.row.status = WorkerStatus::kDraining;
  CHECK(f.at(hours(1)) == Trial::kUndecided);
}

}  // namespace
}  // namespace prefork
