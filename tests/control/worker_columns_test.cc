// The row of a worker in the status table and in `supervisor top`.
#include "supervisor/control/worker_columns.h"

#include <doctest/doctest.h>

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
  CHECK(worker_titles(RateColumn::kNone) ==
        "  WORKER      PID STATUS         LOAD    SERVED  GEN      AGE IN STATE RESTARTS  LAST DEATH / NOTE");
  CHECK(worker_line(busy_worker()) ==
        "       3     4711 busy            1/2      1204    5   90.0 s   2.0 ms        1  exited with status "
        "1");
}

TEST_CASE("the rate has a column of its own where it is shown") {
  WorkerColumns worker = busy_worker();
  worker.rate = "12";
  CHECK(worker_titles(RateColumn::kShown) ==
        "  WORKER      PID STATUS         LOAD  SERVED/S    SERVED  GEN      AGE IN STATE RESTARTS  LAST "
        "DEATH / "
        "NOTE");
  CHECK(worker_line(worker) ==
        "       3     4711 busy            1/2        12      1204    5   90.0 s   2.0 ms        1  exited "
        "with "
        "status 1");
}

TEST_CASE("a template has no state and no load, and a process without a pid has a dash") {
  WorkerColumns worker = busy_worker();
  worker.pid = 0;
  worker.is_template = true;
  CHECK(worker_line(worker).starts_with("       3        - template          -      1204 "));
}

}  // namespace
}  // namespace prefork
