#include "supervisor/control/worker_columns.h"

#include <fmt/format.h>

#include "supervisor/control/describe.h"

namespace prefork {
namespace {

struct Cells {
  std::string worker, pid, status, load;
  std::optional<std::string> rate;
  std::string served, generation, age, in_state, restarts, remark;
};

std::string line_of(const Cells& cells) {
  const std::string rate = cells.rate ? fmt::format(" {:>9}", *cells.rate) : "";
  return fmt::format("  {:>6} {:>8} {:<9} {:>9}{} {:>9} {:>4} {:>8} {:>8} {:>8}  {}", cells.worker, cells.pid,
                     cells.status, cells.load, rate, cells.served, cells.generation, cells.age,
                     cells.in_state, cells.restarts, cells.remark);
}

}  // namespace

std::string worker_titles(RateColumn rate) {
  return line_of({.worker = "WORKER",
                  .pid = "PID",
                  .status = "STATUS",
                  .load = "LOAD",
                  .rate = rate == RateColumn::kShown ? std::optional("SERVED/S") : std::nullopt,
                  .served = "SERVED",
                  .generation = "GEN",
                  .age = "AGE",
                  .in_state = "IN STATE",
                  .restarts = "RESTARTS",
                  .remark = "LAST DEATH / NOTE"});
}

std::string worker_line(const WorkerColumns& worker) {
  return line_of({.worker = std::to_string(worker.worker),
                  .pid = worker.pid == 0 ? "-" : std::to_string(worker.pid),
                  .status = worker.is_template ? "template" : worker.state,
                  .load = worker.is_template ? "-" : fmt::format("{}/{}", worker.load, worker.slots),
                  .rate = worker.rate,
                  .served = std::to_string(worker.served),
                  .generation = std::to_string(worker.generation),
                  .age = describe(worker.age),
                  .in_state = describe(worker.in_state),
                  .restarts = std::to_string(worker.restarts),
                  .remark = worker.remark});
}

}  // namespace prefork
