// Records from workers are not trusted: each kind against each state of the worker and of the connection.
#include <doctest/doctest.h>

#include <cstdint>
#include <string>

#include "tests/core/pool_driver.h"

namespace prefork {
namespace {

enum class Record { kReady, kBusy, kIdle, kRefused, kProgress, kPark, kLeave };
constexpr Record kRecords[] = {Record::kReady,    Record::kBusy, Record::kIdle, Record::kRefused,
                               Record::kProgress, Record::kPark, Record::kLeave};

enum class Speaker {
  kStarting,
  kStoppedEarly,  ///< told to leave before it was ready
  kReady,
  kDraining,
  kStopping,
  kKilled,
  kTemplate,
};
constexpr Speaker kSpeakers[] = {Speaker::kStarting, Speaker::kStoppedEarly, Speaker::kReady,
                                 Speaker::kDraining, Speaker::kStopping,     Speaker::kKilled,
                                 Speaker::kTemplate};

enum class Subject { kNeverGiven, kQueued, kDispatched, kBusy, kDispatchedElsewhere, kBusyElsewhere, kOver };
constexpr Subject kSubjects[] = {Subject::kNeverGiven,   Subject::kQueued, Subject::kDispatched,
                                 Subject::kBusy,         Subject::kOver,   Subject::kDispatchedElsewhere,
                                 Subject::kBusyElsewhere};

bool can_hold(Speaker speaker) {
  return speaker == Speaker::kReady || speaker == Speaker::kDraining || speaker == Speaker::kStopping ||
         speaker == Speaker::kKilled;
}

/// The rules of the protocol, written a second time.
bool is_violation(Record record, Speaker speaker, Subject subject) {
  if (speaker == Speaker::kKilled) return false;  // it is being killed: its records do not count
  if (record == Record::kReady) {
    // A worker that is being stopped may have sent it before the signal came.
    return speaker == Speaker::kReady || speaker == Speaker::kDraining || speaker == Speaker::kTemplate;
  }
  // Before that signal it may have sent Ready, too.
  if (record == Record::kLeave) return speaker == Speaker::kStarting || speaker == Speaker::kTemplate;
  const bool fits = subject == Subject::kDispatched
                        ? record == Record::kBusy || record == Record::kRefused
                        : subject == Subject::kBusy && record != Record::kBusy && record != Record::kRefused;
  return !fits;
}

/// Three workers of three slots (or a template), one of them in the state in question.
struct Scene {
  explicit Scene(Speaker speaker)
      : driver([&] {
          PoolSettings settings;
          settings.workers = 3;
          settings.slots = 3;
          settings.hold = Hold::kDone;
          settings.keep_alive = PoolSettings::KeepAlive{};
          if (speaker == Speaker::kTemplate) settings.start = StartForm::kFork;
          return settings;
        }()) {
    const bool early = speaker == Speaker::kStarting || speaker == Speaker::kStoppedEarly;
    if (early) {
      worker = driver.started[0];
      driver.ready(driver.started[1], 3);
    } else {
      driver.ready_all(3);
      worker = driver.started[0];
    }
  }

  /// Accepts connections until the worker in question gets one; the others are finished.
  Ticket give(bool to_speaker) {
    for (int i = 0; i < 20; ++i) {
      const Ticket ticket = driver.accept();
      if ((driver.holder(ticket) == worker) == to_speaker && driver.holder(ticket)) return ticket;
      if (!driver.holder(ticket)) continue;
      driver.busy(ticket);
      driver.idle(ticket);
    }
    FAIL("no connection landed where it should");
    return {};
  }

  Ticket set(Subject subject) {
    Ticket ticket;
    switch (subject) {
      case Subject::kNeverGiven: return Ticket::make(1'000'000, 7);
      case Subject::kQueued:
        do ticket = driver.accept();
        while (driver.holder(ticket));
        return ticket;
      case Subject::kDispatched:
      case Subject::kBusy: ticket = give(true); break;
      case Subject::kDispatchedElsewhere:
      case Subject::kBusyElsewhere:
      case Subject::kOver: ticket = give(false); break;
    }
    if (subject != Subject::kDispatched && subject != Subject::kDispatchedElsewhere) driver.busy(ticket);
    if (subject == Subject::kOver) driver.idle(ticket);
    return ticket;
  }

  void move(Speaker speaker) {
    switch (speaker) {
      case Speaker::kStarting:
      case Speaker::kReady:
      case Speaker::kTemplate: return;
      case Speaker::kDraining: driver.handle(event::Resized{0}); return;
      case Speaker::kStoppedEarly:
      case Speaker::kStopping: driver.handle(event::ChannelClosed{worker}); return;
      case Speaker::kKilled: driver.handle(event::WorkerViolated{worker}); return;
    }
  }

  void say(Record record, Ticket ticket) {
    switch (record) {
      case Record::kReady:
        driver.ready(worker, driver.row(worker).role == WorkerRole::kTemplate ? 0 : 3);
        return;
      case Record::kBusy: driver.handle(event::WorkerBusy{worker, ticket}); return;
      case Record::kIdle: driver.handle(event::WorkerIdle{worker, ticket}); return;
      case Record::kRefused: driver.handle(event::WorkerRefused{worker, ticket}); return;
      case Record::kProgress: driver.handle(event::WorkerProgress{worker, ticket}); return;
      case Record::kLeave: driver.handle(event::WorkerLeaves{worker}); return;
      case Record::kPark: driver.handle(event::WorkerParked{worker, ticket}); return;
    }
  }

  PoolDriver driver;
  WorkerId worker;
};

void check(Record record, Speaker speaker, Subject subject) {
  Scene scene(speaker);
  PoolDriver& d = scene.driver;
  const Ticket ticket = scene.set(subject);
  scene.move(speaker);
  d.forget();
  const std::uint64_t before = d.pool.counters().violations;
  const bool subject_known = d.connection(ticket) != nullptr;
  const auto state_before = subject_known ? d.connection(ticket)->state : ConnectionState::kQueued;
  scene.say(record, ticket);
  const std::string where = "record " + std::to_string(static_cast<int>(record)) + ", worker " +
                            std::to_string(static_cast<int>(speaker)) + ", connection " +
                            std::to_string(static_cast<int>(subject));
  CAPTURE(where);
  if (is_violation(record, speaker, subject)) {
    CHECK(d.pool.counters().violations == before + 1);
    CHECK(d.count_for<action::ReportViolation>(scene.worker) == 1);
    CHECK(d.killed(scene.worker));
    // The record itself has had no effect.
    CHECK((d.connection(ticket) != nullptr) == subject_known);
    if (subject_known) CHECK(d.connection(ticket)->state == state_before);
  } else {
    CHECK(d.pool.counters().violations == before);
    CHECK(d.count<action::ReportViolation>() == 0);
    CHECK_FALSE(d.killed(scene.worker));
  }
  // Whatever it said, its death loses nothing that it had not begun.
  const std::uint64_t lost = d.pool.counters().lost;
  const bool begun = subject_known && d.connection(ticket) != nullptr &&
                     d.connection(ticket)->state == ConnectionState::kBusy &&
                     d.holder(ticket) == scene.worker;
  d.exit(scene.worker, PoolDriver::kKilled);
  d.handle(event::Inspected{ticket});  // touched, as far as can be seen
  CHECK(d.pool.counters().lost == lost + (begun ? 1 : 0));
}

TEST_CASE(
    "FAULTS 16: every record in every state of its worker and its connection: what fits has its effect, the "
    "rest kills") {
  for (const Record record : kRecords) {
    for (const Speaker speaker : kSpeakers) {
      for (const Subject subject : kSubjects) {
        const bool in_hand = subject == Subject::kDispatched || subject == Subject::kBusy;
        if (in_hand && !can_hold(speaker)) continue;
        check(record, speaker, subject);
      }
    }
  }
}

TEST_CASE("FAULTS 15: a worker that sends garbage is killed, and what it had not begun goes to others") {
  PoolSettings settings;
  settings.workers = 2;
  PoolDriver d(settings);
  d.ready_all();
  const Ticket ticket = d.accept();
  const WorkerId liar = d.holder(ticket);
  d.handle(event::WorkerViolated{liar, "a datagram of 31 bytes"});
  CHECK(d.killed(liar));
  CHECK(d.pool.counters().violations == 1);
  CHECK(d.holder(ticket) == liar);
  d.handle(event::WorkerViolated{liar});
  CHECK(d.pool.counters().violations == 1);  // counted once
  d.exit(liar, PoolDriver::kKilled);
  CHECK(d.holder(ticket) != liar);
  const DeathRecord death = d.last<action::ReportDeath>().record;
  CHECK(death.reason == StopReason::kViolation);
  REQUIRE(death.violation);
  CHECK(death.violation->text == "a datagram of 31 bytes");
}

TEST_CASE("FAULTS 16: a Ready with a foreign version, or with slots that its role cannot have, kills") {
  PoolSettings settings;
  settings.workers = 3;
  PoolDriver d(settings);
  d.handle(event::WorkerReady{d.started[0], 1, 2});
  CHECK(d.last<action::ReportViolation>().violation.what == Violation::What::kBadVersion);
  CHECK(d.killed(d.started[0]));
  d.handle(event::WorkerReady{d.started[1], 0});
  CHECK(d.last<action::ReportViolation>().violation.what == Violation::What::kBadSlots);
  CHECK(d.killed(d.started[1]));
  settings.start = StartForm::kFork;
  PoolDriver forking(settings);
  forking.ready(forking.started[0], 1);
  CHECK(forking.last<action::ReportViolation>().violation.what == Violation::What::kBadSlots);
}

TEST_CASE("records of workers that are gone, or never were, change nothing") {
  PoolDriver d(PoolSettings{});
  d.ready_all();
  const WorkerId gone = d.started[0];
  d.exit(gone);
  const std::size_t before = d.actions.size();
  for (const WorkerId unknown : {gone, WorkerId{}, WorkerId::make(77, 9)}) {
    d.ready(unknown);
    d.handle(event::WorkerBusy{unknown, Ticket{5}});
    d.handle(event::WorkerIdle{unknown, Ticket{5}});
    d.handle(event::WorkerRefused{unknown, Ticket{5}});
    d.handle(event::WorkerProgress{unknown, Ticket{5}});
    d.handle(event::WorkerLeaves{unknown});
    d.handle(event::WorkerViolated{unknown});
    d.handle(event::ChannelClosed{unknown});
    d.exit(unknown);
  }
  CHECK(d.actions.size() == before);
}

}  // namespace
}  // namespace prefork
