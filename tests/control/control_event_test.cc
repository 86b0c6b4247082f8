// Events as subscribers read them, and the history that lets them catch up.
#include "supervisor/control/control_event.h"

#include <doctest/doctest.h>

#include <chrono>
#include <csignal>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "supervisor/control/event_history.h"

namespace prefork {
namespace {

using nlohmann::json;
using std::chrono::milliseconds;

const WallTime kAt = WallTime{} + milliseconds(1'767'225'599'007);

json params(ControlEvent event) {
  const std::string line = to_line(NumberedEvent{7, kAt, std::move(event)});
  REQUIRE(line.ends_with('\n'));
  REQUIRE(line.find('\n') == line.size() - 1);
  const json whole = json::parse(line);
  CHECK(whole["jsonrpc"] == "2.0");
  CHECK(whole["method"] == "event");
  CHECK_FALSE(whole.contains("id"));
  return whole["params"];
}

TEST_CASE("an event has a number, the time, a name, its pool and its worker") {
  const json ready = params(control_event::WorkerReady{"web", 3, 4711, milliseconds(12)});
  CHECK(ready == json::parse(R"({"seq": 7, "time": "2025-12-31T23:59:59.007Z", "event": "worker_ready",
                                 "pool": "web", "worker": 3, "pid": 4711, "took_ms": 12.0})"));
  CHECK(params(control_event::WorkerStarted{"web", 3, 4711, WorkerRole::kTemplate, 2})["role"] == "template");
  CHECK(params(control_event::ConnectionRedispatched{"web", 3, 4711, 2})["times"] == 2);
  CHECK(params(control_event::SaturationChanged{"web", true, 5})["queued"] == 5);
  const auto failed = action::ReportRollout::Stage::kFailed;
  CHECK(params(control_event::RolloutStaged{"web", failed, 2, "exited with status 1"})["stage"] == "failed");
  CHECK(params(control_event::PoolFailed{"web", 4, milliseconds(1600)})["next_attempt_ms"] == 1600.0);
  CHECK(params(control_event::PoolRecovered{"web"})["event"] == "pool_recovered");
  const json reload = params(control_event::Reloaded{{false, {}, {"a", "b"}, {"c"}}});
  CHECK(reload["applied"] == false);
  CHECK(reload["changes"] == json::array());
  CHECK(reload["mistakes"] == json({"a", "b"}));
  CHECK(reload["warnings"] == json::array({"c"}));
}

TEST_CASE("the event of a death has the whole death record") {
  DeathRecord record;
  record.worker = WorkerId::make(9, 0);
  record.exit = Exit{Exit::Kind::kSignaled, SIGSEGV};
  record.was_ready = true;
  record.age = milliseconds(1500);
  record.served = 12;
  record.held_begun = 1;
  const json died = params(control_event::WorkerDied{"web", 4711, record, "killed by signal 11 (SIGSEGV)"});
  CHECK(died["worker"] == 9);
  CHECK(died["how"] == "signaled");
  CHECK(died["value"] == SIGSEGV);
  CHECK(died["planned"] == false);
  CHECK(died["age_ms"] == 1500.0);
  CHECK(died["served"] == 12);
  CHECK(died["held_begun"] == 1);
  CHECK(died["text"] == "killed by signal 11 (SIGSEGV)");
  CHECK(died["violation"] == "");
  record.violation = Violation{Violation::What::kUnknownTicket, 17};
  CHECK(params(control_event::WorkerDied{"web", 4711, record, ""})["violation"] ==
        "a record for ticket 17, which it does not hold");
  record.reason = StopReason::kReload;
  CHECK(params(control_event::WorkerDied{"web", 4711, record, ""})["planned"] == true);
}

TEST_CASE("text that is not UTF-8 does not break the line") {
  control_event::WorkerDied died;
  died.text = "no such file: \xff\n\x1b";
  CHECK(params(died)["text"] == "no such file: \xEF\xBF\xBD\n\x1b");
}

TEST_CASE("the history numbers events, keeps the latest, and returns the events after a number") {
  EventHistory history;
  CHECK(history.last() == 0);
  for (std::size_t i = 1; i <= EventHistory::kKept + 10; ++i) {
    const std::string line = history.add(control_event::PoolRecovered{"web"}, kAt);
    CHECK(json::parse(line)["params"]["seq"] == i);
  }
  const auto since = [&](std::uint64_t seq) {
    std::vector<std::uint64_t> found;
    history.for_each_since(seq, [&](const std::string& line) {
      found.push_back(json::parse(line)["params"]["seq"].get<std::uint64_t>());
    });
    return found;
  };
  CHECK(since(0).size() == EventHistory::kKept);
  CHECK(since(0).front() == 11);
  CHECK(since(history.last() - 2) == std::vector<std::uint64_t>{history.last() - 1, history.last()});
  CHECK(since(history.last()).empty());
  CHECK(since(UINT64_MAX).empty());
}

TEST_CASE("FAULTS 145: after an upgrade in place the history has the same events, and counts on") {
  EventHistory before;
  for (std::size_t i = 0; i < EventHistory::kKept + 3; ++i)
    (void)before.add(control_event::PoolRecovered{"web"}, kAt);
  EventHistory after;
  after.adopt(before.last(), before.lines());
  CHECK(after.last() == before.last());
  CHECK(after.lines() == before.lines());
  std::vector<std::string> since;
  after.for_each_since(before.last() - 2, [&](const std::string& line) { since.push_back(line); });
  REQUIRE(since.size() == 2);
  CHECK(since.back() == before.lines().back());
  const std::string next = after.add(control_event::PoolRecovered{"web"}, kAt);
  CHECK(json::parse(next)["params"]["seq"] == before.last() + 1);
  EventHistory from_earlier_version;
  from_earlier_version.adopt(7, {});
  CHECK(from_earlier_version.last() == 7);
}

TEST_CASE("the history is bounded in bytes, too") {
  EventHistory history;
  control_event::WorkerDied died;
  died.text = std::string(100'000, 'x');
  std::size_t bytes = 0;
  for (int i = 0; i < 20; ++i) (void)history.add(died, kAt);
  history.for_each_since(0, [&](const std::string& line) { bytes += line.size(); });
  CHECK(bytes > 400'000);
  CHECK(bytes <= EventHistory::kKeptBytes);
  died.text = std::string(1'000'000, 'x');
  CHECK(history.add(died, kAt).size() > 1'000'000);
}

}  // namespace
}  // namespace prefork
