// The row of a worker in the status table and in `supervisor top`.
#include "supervisor/control/worker_columns.h"

#include <doctest/doctest.h>

#include <cstdint>
#include <string>
#include <vector>

namespace prefork {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

WorkerColumns busy_worker() {
  WorkerColumns worker;
  worker.worker = 3;
  worker.pid = 4711;
  worker.state = "busy";
  worker.load = 1;
  worker.slots = 2;
  worker.served = 1204;
  worker.generation = 5;
  worker.age = seconds(90);
  worker.in_state = milliseconds(2);
  worker.restarts = 1;
  worker.remark = "exited with status 1";
  return worker;
}

TEST_CASE("each value stands under its title") {
  CHECK(worker_titles(ColumnSet::kTable) ==
        "  WORKER      PID STATUS         LOAD    SERVED  GEN      AGE IN STATE RESTARTS  LAST DEATH / NOTE");
  CHECK(worker_line(busy_worker()) ==
        "       3     4711 busy            1/2      1204    5   90.0 s   2.0 ms        1  exited with status "
        "1");
}

TEST_CASE("rate and usage have columns of their own where they are shown") {
  WorkerColumns worker = busy_worker();
  worker.rate = "12";
  worker.usage = UsageCells{"97%", "12.3 MiB"};
  CHECK(worker_titles(ColumnSet::kTop) ==
        "  WORKER      PID STATUS         LOAD  SERVED/S      CPU      RSS    SERVED  GEN      AGE IN STATE "
        "RESTARTS  LAST DEATH / NOTE");
  CHECK(worker_line(worker) ==
        "       3     4711 busy            1/2        12      97% 12.3 MiB      1204    5   90.0 s   2.0 ms "
        "       1  exited with status 1");
}

TEST_CASE("usage is added to the lines of workers and to their titles, and to no other line") {
  std::vector<std::int64_t> asked;
  const auto usage_of = [&](std::int64_t pid) {
    asked.push_back(pid);
    return UsageCells{"1.2 s", "824 KiB"};
  };
  CHECK(with_usage(worker_titles(ColumnSet::kTable), usage_of) ==
        "  WORKER      PID STATUS         LOAD CPU TIME      RSS    SERVED  GEN      AGE IN STATE RESTARTS  "
        "LAST DEATH / NOTE");
  CHECK(with_usage(worker_line(busy_worker()), usage_of) ==
        "       3     4711 busy            1/2    1.2 s  824 KiB      1204    5   90.0 s   2.0 ms        1  "
        "exited with status 1");
  WorkerColumns large = busy_worker();
  large.worker = 123456789;
  large.load = large.slots = 4096;
  CHECK(with_usage(worker_line(large), usage_of).find("4096/4096    1.2 s  824 KiB ") != std::string::npos);
  WorkerColumns unknown = busy_worker();
  unknown.pid = 0;
  unknown.is_template = true;
  (void)with_usage(worker_line(unknown), usage_of);
  CHECK(asked == std::vector<std::int64_t>{4711, 4711, 0});
  for (const std::string line : {"pool 3: running, workers 4 ready of 4 wanted (configured 4)", "", " 3 4 ",
                                 "  listen 127.0.0.1:8080: accepted 66", "  scoreboard: [_BBB]"})
    CHECK(with_usage(line, usage_of) == line);
  CHECK(asked.size() == 3);
}

TEST_CASE("a template has no state and no load, and a process without a pid has a dash") {
  WorkerColumns worker = busy_worker();
  worker.pid = 0;
  worker.is_template = true;
  CHECK(worker_line(worker).starts_with("       3        - template          -      1204 "));
}

}  // namespace
}  // namespace prefork
