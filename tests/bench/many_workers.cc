// What a pool with many workers costs the event loop, in microseconds: a deadline that concerns no worker, an
// event while the pool finishes its queue before it stops, and the slowest piece of the status and all of its
// pieces. Prints one JSON object. `bench-many-workers [WORKERS]`.
#include <algorithm>
#include <chrono>
#include <cstddef>
#include <cstdio>
#include <cstdlib>
#include <ctime>
#include <string>
#include <utility>
#include <variant>
#include <vector>

#include "supervisor/control/status_json.h"
#include "supervisor/control/status_table.h"
#include "supervisor/core/pool.h"

namespace {

using namespace prefork;

constexpr std::size_t kWorkers = 2048;
constexpr int kRounds = 2000;

PoolSettings settings_for(std::size_t workers) {
  PoolSettings settings;
  settings.workers = workers;
  settings.queue_max = 1'000'000;
  settings.queue_timeout = std::chrono::milliseconds(1);
  return settings;
}

/// A pool whose workers are ready and all have a connection.
class BusyPool {
 public:
  explicit BusyPool(std::size_t workers) : pool_(settings_for(workers), /*seed=*/1, now_) {
    handle(event::DeadlinePassed{});
    while (!starting_.empty()) {
      for (const WorkerId worker : std::exchange(starting_, {})) handle(event::WorkerReady{worker, 1});
    }
    for (std::size_t i = 0; i < workers; ++i) accept();
  }

  Ticket accept() {
    const Ticket ticket = tickets_.allocate();
    handle(event::Accepted{ticket, 0});
    return ticket;
  }
  /// One queued connection expires.
  void pass_deadline() {
    accept();
    now_ += std::chrono::milliseconds(1);
    handle(event::DeadlinePassed{});
  }
  void stop() { handle(event::StopRequested{}); }
  /// A worker says something about a connection that waits for its receipt.
  void report_load(std::size_t which) { handle(event::WorkerLoad{workers_[which % workers_.size()], 500}); }

 private:
  void handle(const Event& event) {
    actions_.clear();
    pool_.handle(event, now_, actions_);
    for (const Action& action : actions_) {
      if (const auto* start = std::get_if<action::StartWorker>(&action)) {
        starting_.push_back(start->worker);
        workers_.push_back(start->worker);
      }
      if (const auto* end = std::get_if<action::End>(&action)) tickets_.release(end->ticket);
    }
  }

  Instant now_ = Instant() + std::chrono::hours(100);
  Pool pool_;
  Actions actions_;
  SlotAllocator<Ticket> tickets_;
  std::vector<WorkerId> starting_;
  std::vector<WorkerId> workers_;
};

/// CPU time: other programs of the machine do not count.
double microseconds_now() {
  timespec now{};
  (void)::clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &now);
  return static_cast<double>(now.tv_sec) * 1e6 + static_cast<double>(now.tv_nsec) / 1e3;
}

template <typename Work>
double microseconds_each(const Work& work) {
  const double begin = microseconds_now();
  for (int i = 0; i < kRounds; ++i) work(static_cast<std::size_t>(i));
  return (microseconds_now() - begin) / kRounds;
}

SupervisorStatus status_of(std::size_t workers) {
  SupervisorStatus status;
  PoolStatus& pool = status.pools.emplace_back();
  for (std::size_t i = 0; i < workers; ++i) {
    WorkerStatusLine& worker = pool.workers.emplace_back();
    worker.number = i + 1;
    worker.pid = static_cast<pid_t>(10'000 + i);
    worker.last_death = DeathRecord();
    worker.last_death->exit = {Exit::Kind::kSignaled, 9};
  }
  return status;
}

struct Pieces {
  double slowest = 0;
  double all = 0;
};

/// The best of a few rounds.
template <typename Text, typename Piece>
Pieces measure_pieces(const SupervisorStatus& status) {
  Pieces best{.slowest = 1e9, .all = 1e9};
  for (int round = 0; round < 5; ++round) {
    Text text(status);
    Pieces pieces;
    for (bool more = true; more;) {
      Piece piece;
      const double begin = microseconds_now();
      more = text.add_next(piece);
      const double took = microseconds_now() - begin;
      pieces.slowest = std::max(pieces.slowest, took);
      pieces.all += took;
    }
    best = {std::min(best.slowest, pieces.slowest), std::min(best.all, pieces.all)};
  }
  return best;
}

}  // namespace

int main(int argc, char** argv) {
  const std::size_t workers = argc > 1 ? std::strtoul(argv[1], nullptr, 10) : kWorkers;
  BusyPool pool(workers);
  const double deadline = microseconds_each([&](std::size_t) { pool.pass_deadline(); });
  pool.accept();
  pool.stop();
  const double finishing = microseconds_each([&](std::size_t i) { pool.report_load(i); });
  const SupervisorStatus status = status_of(workers);
  const Pieces json = measure_pieces<StatusJson, std::string>(status);
  const Pieces table = measure_pieces<StatusTable, std::vector<std::string>>(status);
  (void)std::printf(
      "{\"workers\": %zu, \"deadline_us\": %.2f, \"finishing_us\": %.2f, \"json_piece_us\": %.0f, "
      "\"json_us\": %.0f, \"table_piece_us\": %.0f, \"table_us\": %.0f}\n",
      workers, deadline, finishing, json.slowest, json.all, table.slowest, table.all);
  return 0;
}
