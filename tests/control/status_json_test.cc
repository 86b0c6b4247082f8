// The status as JSON.
#include "supervisor/control/status_json.h"

#include <doctest/doctest.h>

#include <algorithm>
#include <chrono>
#include <iterator>
#include <nlohmann/json.hpp>
#include <string>
#include <utility>
#include <vector>

#include "supervisor/control/describe.h"
#include "supervisor/control/status_table.h"

namespace prefork {
namespace {

using nlohmann::json;
using std::chrono::milliseconds;

WorkerStatusLine worker(std::uint64_t number, WorkerStatus status, std::uint32_t load) {
  WorkerStatusLine line;
  line.number = number;
  line.pid = static_cast<pid_t>(4000 + number);
  line.status = status;
  line.load = load;
  line.slots = 2;
  line.age = milliseconds(1500);
  return line;
}

json to_json(SupervisorStatus status, bool workers = true) {
  StatusJson pieces(std::move(status), workers);
  std::string text;
  while (pieces.add_next(text)) {
  }
  return json::parse(text);
}

TEST_CASE("the JSON status has everything that the table has") {
  PoolStatus pool;
  pool.name = "web";
  pool.state = "running";
  pool.target = 5;
  pool.configured = 4;
  pool.saturated = true;
  pool.queue_max = 1024;
  pool.counters.accepted = 7;
  pool.waits.max = milliseconds(3);
  pool.listeners.push_back({"127.0.0.1:8080", 7, true, true, 3, 128});
  pool.workers = {worker(1, WorkerStatus::kReady, 0), worker(2, WorkerStatus::kReady, 1),
                  worker(3, WorkerStatus::kStarting, 0)};
  pool.cells.assign(pool.workers.begin(), pool.workers.end());
  SupervisorStatus status;
  status.version = "1.2.3";
  status.name = "shop";
  status.pid = 4711;
  status.uptime = milliseconds(2000);
  status.longest_turn = milliseconds(12);
  status.longest_turn_lately = milliseconds(3);
  status.pools = {pool};
  const json found = to_json(status);
  CHECK(found["version"] == "1.2.3");
  CHECK(found["name"] == "shop");
  CHECK(found["pid"] == 4711);
  CHECK(found["uptime_ms"] == 2000.0);
  CHECK(found["longest_turn_ms"] == 12.0);
  CHECK(found["longest_turn_last_minute_ms"] == 3.0);
  CHECK(found["stopping"] == false);
  REQUIRE(found["pools"].size() == 1);
  const json& web = found["pools"][0];
  CHECK(web["name"] == "web");
  CHECK(web["wanted"] == 5);
  CHECK(web["configured"] == 4);
  CHECK(web["ready"] == 2);
  CHECK(web["removed"] == false);
  CHECK(web["saturated"] == true);
  CHECK(web["queue"]["limit"] == 1024);
  CHECK(web["queue"]["wait_max_ms"] == 3.0);
  CHECK(web["counters"]["accepted"] == 7);
  CHECK(web["scoreboard"] == "_BS");
  const json listener = web["listeners"][0];
  CHECK(listener == json::parse(R"({"address": "127.0.0.1:8080", "accepted": 7, "paused": true,
                                    "file_missing": true,                                    "backlog": 3, "backlog_limit": 128})"));
  CHECK(web["workers"][1]["state"] == "busy");
  CHECK(web["workers"][1]["pid"] == 4002);
  CHECK(web["workers"][1]["age_ms"] == 1500.0);
}

TEST_CASE("a worker's row is JSON whatever its texts are") {
  PoolStatus pool;
  pool.workers = {worker(7, WorkerStatus::kDraining, 1)};
  WorkerStatusLine& line = pool.workers.front();
  line.note = "say \"{}\"\n\xff";
  line.reason = StopReason::kLeft;
  line.last_death = DeathRecord();
  line.in_status = std::chrono::microseconds(83'120);
  SupervisorStatus status;
  status.pools = {pool};
  const json row = to_json(status)["pools"][0]["workers"][0];
  CHECK(row["note"] == "say \"{}\"\n\xef\xbf\xbd");
  CHECK(row["reason"] == "left by itself");
  CHECK(row["last_death"] == describe(*line.last_death));
  CHECK(row["in_state_ms"] == 83.12);
  CHECK(row["age_ms"] == 1500.0);
  CHECK(row["role"] == "worker");
  CHECK(row["state"] == "draining");
  CHECK(row.size() == 15);
  CHECK(row == json(prefork::to_json(line)));
}

TEST_CASE("deaths, rollouts, reloads and upgrades are in the JSON status") {
  PoolStatus pool;
  pool.counters.deaths.add(DeathCause::kPlanned);
  pool.counters.deaths.add(DeathCause::kBusyTimeout);
  pool.rollouts = {3, 1, 0};
  SupervisorStatus status;
  status.pools = {pool};
  status.reloads = {5, 2};
  status.upgrades = {1, 0};
  const json found = to_json(status);
  const json web = found["pools"][0];
  CHECK(web["deaths"].size() == kDeathCauses);
  CHECK(web["deaths"]["planned"] == 1);
  CHECK(web["deaths"]["busy_timeout"] == 1);
  CHECK(web["deaths"]["exited"] == 0);
  CHECK(web["rollouts"] == json({{"took_over", 3}, {"failed", 1}, {"abandoned", 0}}));
  CHECK(found["reloads"] == json({{"applied", 5}, {"refused", 2}}));
  CHECK(found["upgrades"] == json({{"succeeded", 1}, {"refused", 0}}));
  CHECK(found["stop_delay_left_ms"].is_null());
}

TEST_CASE("a histogram has all its edges, with the number of times below each") {
  Histogram times;
  times.add(std::chrono::microseconds(3));
  times.add(milliseconds(1));
  PoolStatus pool;
  pool.total_waits = totals_of(times);
  SupervisorStatus status;
  status.pools = {pool};
  const json histograms = to_json(status)["pools"][0]["histograms"];
  const json& waits = histograms["queue_wait"];
  CHECK(waits["count"] == 2);
  CHECK(waits["sum_us"] == 1003);
  REQUIRE(waits["buckets"].size() == Histogram::kEdges);
  CHECK(waits["buckets"][0] == json({1, 0}));
  CHECK(waits["buckets"][2] == json({4, 1}));
  CHECK(waits["buckets"][10] == json({1024, 2}));
  CHECK(waits["buckets"].back() == json({1ULL << 36, 2}));
  CHECK(histograms["busy_time"]["buckets"].size() == Histogram::kEdges);
  CHECK(histograms["busy_time"]["count"] == 0);
}

TEST_CASE("without workers a pool still has its scoreboard, and the numbers that belong to it") {
  PoolStatus pool;
  for (const std::uint64_t number : {1U, 2U, 3U, 8U, 12U, 13U})
    pool.cells.push_back(worker(number, WorkerStatus::kReady, number == 8 ? 1 : 0));
  SupervisorStatus status;
  status.pools = {pool, PoolStatus()};
  const json pools = to_json(status, /*workers=*/false)["pools"];
  REQUIRE(pools.size() == 2);
  CHECK_FALSE(pools[0].contains("workers"));
  CHECK(pools[0]["ready"] == 6);
  CHECK(pools[0]["scoreboard"] == "___B__");
  CHECK(pools[0]["scoreboard_workers"] == "1-3,8,12-13");
  CHECK(pools[0]["slots"] == json({{"busy", 1}, {"total", 12}}));
  CHECK(pools[1]["scoreboard_workers"] == "");
}

TEST_CASE("a pool without waiting connections is not saturated") {
  SupervisorStatus status;
  status.pools.emplace_back();
  CHECK(to_json(status)["pools"][0]["saturated"] == false);
}

TEST_CASE("the table says where the admin process listens, and that it does not run") {
  SupervisorStatus status;
  const auto last_line = [&] {
    std::vector<std::string> lines;
    (void)StatusTable(status).add_next(lines);
    return lines.back();
  };
  CHECK_FALSE(last_line().starts_with("admin process"));
  status.admin =
      AdminStatus{.pid = 4711, .state = "running", .addresses = {"127.0.0.1:9465"}, .agent = {":9466"}};
  CHECK(last_line() == "admin process: running, pid 4711, 127.0.0.1:9465, agent :9466; restarts 0");
  status.admin = AdminStatus{.state = "waiting", .restarts = 3, .addresses = {"unix:/run/a"}, .agent = {}};
  CHECK(last_line() == "admin process: waiting, unix:/run/a; restarts 3");
}

TEST_CASE("FAULTS 193: the last reload is in the JSON and in the table") {
  SupervisorStatus status;
  CHECK(to_json(status)["reload"].is_null());
  status.reload = LastReload{.count = 1, .mistakes = {"pool.json: wrong"}};
  status.reload_ago = milliseconds(1500);
  CHECK(to_json(status)["reload"] ==
        json({{"applied", false}, {"ago_ms", 1500.0}, {"count", 1}, {"mistakes", {"pool.json: wrong"}}}));
  std::vector<std::string> lines;
  (void)StatusTable(status).add_next(lines);
  CHECK(lines.back() == "last reload: refused 1.5 s ago, nothing has changed: pool.json: wrong");
}

TEST_CASE("a supervisor without pools has an empty list of them") {
  const json pools = to_json(SupervisorStatus{})["pools"];
  CHECK(pools == json::array());
}

TEST_CASE(
    "FAULTS 116: the status of thousands of workers is made in pieces of a few workers, JSON and table") {
  SupervisorStatus status;
  const std::size_t sizes[] = {0, 1, kWorkersAtATime, kWorkersAtATime + 1, 4096};
  for (const std::size_t size : sizes) {
    PoolStatus& pool = status.pools.emplace_back();
    for (std::size_t i = 0; i < size; ++i) pool.workers.push_back(worker(i + 1, WorkerStatus::kReady, 0));
  }
  StatusJson pieces(status);
  std::string text;
  for (bool more = true; more;) {
    std::string piece;
    more = pieces.add_next(piece);
    std::size_t workers = 0;
    for (std::size_t at = 0; (at = piece.find("\"pid\":4", at)) != std::string::npos; ++at) ++workers;
    CHECK(workers <= kWorkersAtATime);
    text += piece;
  }
  const json found = json::parse(text);
  REQUIRE(found["pools"].size() == std::size(sizes));
  for (std::size_t i = 0; i < std::size(sizes); ++i) CHECK(found["pools"][i]["workers"].size() == sizes[i]);
  CHECK(found["pools"][4]["workers"][4095]["worker"] == 4096);

  StatusTable table(status);
  std::size_t rows = 0;
  for (bool more = true; more;) {
    std::vector<std::string> lines;
    more = table.add_next(lines);
    const auto ready =
        static_cast<std::size_t>(std::count_if(lines.begin(), lines.end(), [](const auto& line) {
          return line.find(" idle ") != std::string::npos;
        }));
    CHECK(ready <= kWorkersAtATime);
    rows += ready;
  }
  CHECK(rows == 1 + kWorkersAtATime + kWorkersAtATime + 1 + 4096);
}

}  // namespace
}  // namespace prefork
