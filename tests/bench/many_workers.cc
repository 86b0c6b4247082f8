// What a pool with many workers costs the event loop, in microseconds: a deadline that concerns no worker, an
// event while the pool finishes its queue before it stops, the slowest piece of the status and all of its
// pieces; the same without workers, where the figures of the moment are a piece, too; and the figures of a
// hundred pools. Prints one JSON object. `bench-many-workers [WORKERS]`.
#include <algorithm>
#include <chrono>
#include <cstddef>
#include <cstdio>
#include <cstdlib>
#include <ctime>
#include <memory>
#include <string>
#include <utility>
#include <variant>
#include <vector>

#include "supervisor/control/status_json.h"
#include "supervisor/control/status_table.h"
#include "supervisor/core/pool.h"
#include "supervisor/pool/pool_status.h"

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
      now_ += Lifecycle::kBetweenStarts;  // they are started in groups
      handle(event::DeadlinePassed{});
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
  /// The figures of this moment, as the supervisor collects them for a status.
  [[nodiscard]] PoolStatus status(bool workers) const {
    PoolConfig config;
    config.name = "many";
    return prefork::status_of(config, pool_, {}, processes_, workers);
  }
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
  ProcessTable processes_;
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
    pool.cells.push_back(worker);
  }
  return status;
}

struct Pieces {
  double slowest = 0;
  double all = 0;
};

/// Makes all pieces of `text`, and adds their times.
template <typename Piece, typename Text>
void make_pieces(Text text, Pieces& pieces) {
  for (bool more = true; more;) {
    Piece piece;
    const double begin = microseconds_now();
    more = text.add_next(piece);
    const double took = microseconds_now() - begin;
    pieces.slowest = std::max(pieces.slowest, took);
    pieces.all += took;
  }
}

/// The best of a few rounds.
template <typename Measure>
Pieces best_of_rounds(Measure measure) {
  Pieces best{.slowest = 1e9, .all = 1e9};
  for (int round = 0; round < 5; ++round) {
    const Pieces pieces = measure();
    best = {std::min(best.slowest, pieces.slowest), std::min(best.all, pieces.all)};
  }
  return best;
}

template <typename Text, typename Piece>
Pieces measure_pieces(const SupervisorStatus& status) {
  return best_of_rounds([&] {
    Pieces pieces;
    make_pieces<Piece>(Text(status), pieces);
    return pieces;
  });
}

/// Without its workers; the figures of the moment are the first piece.
Pieces measure_light(const BusyPool& pool) {
  return best_of_rounds([&] {
    SupervisorStatus status;
    const double begin = microseconds_now();
    status.pools.push_back(pool.status(/*workers=*/false));
    const double took = microseconds_now() - begin;
    Pieces pieces{.slowest = took, .all = took};
    make_pieces<std::string>(StatusJson(std::move(status), /*workers=*/false), pieces);
    return pieces;
  });
}

/// The figures of this many pools, all at once, and the bytes of their text.
double measure_pools(std::size_t count, std::size_t& bytes) {
  std::vector<std::unique_ptr<BusyPool>> pools;
  for (std::size_t i = 0; i < count; ++i) pools.push_back(std::make_unique<BusyPool>(8));
  double best = 1e9;
  for (int round = 0; round < 5; ++round) {
    SupervisorStatus status;
    const double begin = microseconds_now();
    for (const auto& pool : pools) status.pools.push_back(pool->status(/*workers=*/false));
    best = std::min(best, microseconds_now() - begin);
    std::string text;
    for (StatusJson json(std::move(status), /*workers=*/false); json.add_next(text);) continue;
    bytes = text.size();
  }
  return best;
}

/// The figures of the moment with a line for each worker.
double measure_lines(const BusyPool& pool) {
  double best = 1e9;
  for (int round = 0; round < 5; ++round) {
    const double begin = microseconds_now();
    const PoolStatus status = pool.status(/*workers=*/true);
    best = std::min(best, microseconds_now() - begin);
  }
  return best;
}

}  // namespace

int main(int argc, char** argv) {
  const std::size_t workers = argc > 1 ? std::strtoul(argv[1], nullptr, 10) : kWorkers;
  BusyPool pool(workers);
  const double deadline = microseconds_each([&](std::size_t) { pool.pass_deadline(); });
  const Pieces light = measure_light(pool);
  const double lines = measure_lines(pool);
  std::size_t bytes = 0;
  const double pools = measure_pools(100, bytes);
  pool.accept();
  pool.stop();
  const double finishing = microseconds_each([&](std::size_t i) { pool.report_load(i); });
  const SupervisorStatus status = status_of(workers);
  const Pieces json = measure_pieces<StatusJson, std::string>(status);
  const Pieces table = measure_pieces<StatusTable, std::vector<std::string>>(status);
  (void)std::printf(
      "{\"workers\": %zu, \"deadline_us\": %.2f, \"finishing_us\": %.2f, \"json_piece_us\": %.0f, "
      "\"json_us\": %.0f, \"table_piece_us\": %.0f, \"table_us\": %.0f, \"light_piece_us\": %.0f, "
      "\"light_us\": %.0f, \"lines_us\": %.0f, \"pools_us\": %.0f, \"pools_bytes\": %zu}\n",
      workers, deadline, finishing, json.slowest, json.all, table.slowest, table.all, light.slowest,
      light.all, lines, pools, bytes);
  return 0;
}
