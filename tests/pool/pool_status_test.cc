// The status table: its lines in each state.
#include "supervisor/control/status_table.h"

#include <doctest/doctest.h>

#include <chrono>
#include <string>
#include <utility>
#include <vector>

namespace prefork {
namespace {

using std::chrono::seconds;

WorkerStatusLine worker(std::uint64_t number, WorkerStatus status, std::uint32_t load) {
  WorkerStatusLine line;
  line.number = number;
  line.pid = static_cast<pid_t>(4000 + number);
  line.status = status;
  line.load = load;
  line.slots = 2;
  line.age = seconds(100);
  return line;
}

PoolStatus pool() {
  PoolStatus status;
  status.name = "web";
  status.state = "running";
  status.accepting = true;
  status.configured = 4;
  status.target = 5;
  status.scheduled = 1;
  status.generation = 3;
  status.queue_max = 1024;
  status.listeners.push_back({"127.0.0.1:8080", 1204, false});
  status.workers = {worker(1, WorkerStatus::kReady, 0), worker(2, WorkerStatus::kReady, 2),
                    worker(3, WorkerStatus::kStarting, 0), worker(4, WorkerStatus::kDraining, 1),
                    worker(5, WorkerStatus::kStopping, 1)};
  status.workers.push_back(worker(6, WorkerStatus::kReady, 0));
  status.workers.back().role = WorkerRole::kTemplate;
  status.cells.assign(status.workers.begin(), status.workers.end());
  return status;
}

SupervisorStatus supervisor(std::vector<PoolStatus> pools) {
  SupervisorStatus status;
  status.version = "1.2.3";
  status.pid = 4711;
  status.config_file = "pool.json";
  status.uptime = seconds(7200);
  status.pools = std::move(pools);
  return status;
}

std::vector<std::string> to_table(SupervisorStatus status) {
  StatusTable table(std::move(status));
  std::vector<std::string> lines;
  while (table.add_next(lines)) {
  }
  return lines;
}

bool has_line(const std::vector<std::string>& lines, const std::string& part) {
  for (const std::string& line : lines) {
    if (line.find(part) != std::string::npos) return true;
  }
  MESSAGE("no line has: ", part);
  return false;
}

TEST_CASE(
    "the table begins with the supervisor; for each pool follow its size, listeners, queue and counters") {
  const std::vector<std::string> lines = to_table(supervisor({pool()}));
  CHECK(lines[0] == "supervisor 1.2.3, pid 4711, up 2 h, pool.json, 1 pool");
  CHECK(lines[1] == "loop: longest turn 0 µs, in the last minute 0 µs");
  CHECK(lines[2] ==
        "pool web: running, workers 2 ready of 5 wanted (configured 4), 1 to be started, generation 3");
  CHECK(has_line(lines, "  listen 127.0.0.1:8080: accepted 1204"));
  CHECK(has_line(lines,
                 "  queue: now 0, max 0, limit 1024; wait in the last minute p50 0 µs, p99 0 µs, max 0 µs"));
  CHECK(
      has_line(lines, "  connections: accepted 0, with workers 0, served 0, lost 0, gave_up 0, rejected 0"));
  CHECK(has_line(lines, "  deaths: crashes 0, start_failures 0, violations 0; starts 0"));
  CHECK(to_table(supervisor({pool(), pool()}))[0].ends_with("2 pools"));
  SupervisorStatus stopping = supervisor({pool()});
  stopping.stop_delay_left = seconds(7);
  CHECK(to_table(std::move(stopping))[2] == "stopping: connections are accepted for 7.0 s more");
}

TEST_CASE("reaped children that were no workers are counted in the first line, if there were any") {
  SupervisorStatus status = supervisor({pool()});
  status.strangers_reaped = 1;
  CHECK(to_table(status)[0] == "supervisor 1.2.3, pid 4711, up 2 h, pool.json, 1 stranger reaped, 1 pool");
  status.strangers_reaped = 2;
  CHECK(to_table(status)[0].ends_with(", 2 strangers reaped, 1 pool"));
}

TEST_CASE("FAULTS 101: the table says how long the loop has stood still, ever and within the last minute") {
  SupervisorStatus status = supervisor({pool()});
  status.longest_turn = std::chrono::milliseconds(213);
  status.longest_turn_lately = std::chrono::microseconds(700);
  CHECK(to_table(status)[1] == "loop: longest turn 213.0 ms, in the last minute 700 µs");
}

TEST_CASE("the summary has one line for all pools") {
  CHECK(summary({}).empty());
  const PoolSummary web{.name = "web", .ready = 2, .busy = 1, .target = 5};
  const PoolSummary api{.name = "api", .ready = 3, .busy = 2, .target = 5, .queued = 7};
  CHECK(summary({web, api}) ==
        "web: 2 of 5 workers ready, 1 busy, 0 queued; api: 3 of 5 workers ready, 2 busy, 7 queued");
}

TEST_CASE("the scoreboard has one character for each worker") {
  CHECK(scoreboard(pool().cells) == "_BSDKT");
  CHECK(scoreboard({}).empty());
}

TEST_CASE("FAULTS 540: a worker that a signal has stopped is not ready, and has no slot for a connection") {
  const WorkerCell idle{.number = 1, .status = WorkerStatus::kReady, .slots = 4};
  WorkerCell stopped = idle;
  stopped.stopped = true;
  stopped.load = 3;
  CHECK(ready_workers({idle, stopped}) == 1);
  CHECK(ready_workers({stopped}) == 0);
  CHECK(slots_of({idle, stopped}).total == 4);
  CHECK(slots_of({idle, stopped}).busy == 0);
}

TEST_CASE("each worker has a row: pid, state, load and slots, and the last death in its place") {
  PoolStatus status = pool();
  status.workers[1].served = 301;
  status.workers[1].restarts = 2;
  status.workers[1].last_death = DeathRecord();
  status.workers[1].last_death->exit = {Exit::Kind::kSignaled, 9};
  status.workers[1].last_death->was_ready = true;
  status.workers[1].note = "loading";
  status.workers[2].pid = 0;
  const std::vector<std::string> lines = to_table(supervisor({status}));
  CHECK(has_line(lines, "       1     4001 idle            0/2         0    0"));
  CHECK(has_line(lines, "       2     4002 busy            2/2       301    0"));
  CHECK(has_line(
      lines,
      "        2  killed by signal 9 (SIGKILL) (not by the supervisor); age 0 µs, served 0 / loading"));
  CHECK(has_line(lines, "       3        - starting"));
  CHECK(has_line(lines, "       6     4006 template          -"));
}

TEST_CASE("a listener says when it does not accept, and why") {
  PoolStatus status = pool();
  status.listeners[0].paused = true;
  CHECK(has_line(to_table(supervisor({status})), "accepted 1204, paused: out of descriptors or memory"));
  status.listeners[0].paused = false;
  status.accepting = false;
  CHECK(has_line(to_table(supervisor({status})), "accepted 1204, not accepting"));
  status.listeners[0].backlog = 3;
  status.listeners[0].backlog_limit = 128;
  CHECK(has_line(to_table(supervisor({status})), "accepted 1204, waiting in the kernel 3 of 128, not acc"));
}

TEST_CASE("FAULTS 151: the last rollout has a line, and its worker's last lines follow when it has failed") {
  PoolStatus status = pool();
  status.rollout = {.generation = 4, .outcome = RolloutOutcome::kFailed, .text = "exited", .output = {"oh"}};
  status.rollout_ago = seconds(90);
  const std::vector<std::string> lines = to_table(supervisor({status}));
  CHECK(lines[3] == "  rollout: generation 4 failed 90.0 s ago: exited");
  CHECK(lines[4] == "    last wrote: oh");
  CHECK_FALSE(has_line(to_table(supervisor({pool()})), "rollout"));
}

TEST_CASE("the summary tells of a rollout that is on trial or has failed") {
  PoolSummary web{.name = "web", .ready = 2, .target = 2};
  web.rollout = RolloutOutcome::kOnTrial;
  CHECK(summary({web}) == "web: 2 of 2 workers ready, 0 busy, 0 queued, rollout on trial");
  web.rollout = RolloutOutcome::kFailed;
  CHECK(summary({web}) == "web: 2 of 2 workers ready, 0 busy, 0 queued");  // taken back
  web.failed_in_force = true;
  CHECK(summary({web}) == "web: 2 of 2 workers ready, 0 busy, 0 queued, rollout failed");
  web.rollout = RolloutOutcome::kTookOver;
  CHECK(summary({web}) == "web: 2 of 2 workers ready, 0 busy, 0 queued");
}

TEST_CASE("a saturated pool says so in its line") {
  PoolStatus status = pool();
  status.saturated = true;
  CHECK(has_line(to_table(supervisor({status})), "1 to be started, saturated, generation 3"));
}

TEST_CASE("a pool whose new workers die says so in its line") {
  PoolStatus status = pool();
  status.start_failures = 7;
  CHECK(has_line(to_table(supervisor({status})),
                 "1 to be started, new workers die (7 in a row), generation 3"));
}

}  // namespace
}  // namespace prefork
