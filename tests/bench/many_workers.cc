// What a pool with many workers costs the event loop, in microseconds: a deadline that concerns no worker,
// and an event while the pool finishes its queue before it stops. Prints one JSON object. `bench-many-workers
// [WORKERS]`.
#include <chrono>
#include <cstddef>
#include <cstdio>
#include <cstdlib>
#include <utility>
#include <variant>
#include <vector>

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

template <typename Work>
double microseconds_each(const Work& work) {
  const auto begin = std::chrono::steady_clock::now();
  for (int i = 0; i < kRounds; ++i) work(static_cast<std::size_t>(i));
  const std::chrono::duration<double, std::micro> all = std::chrono::steady_clock::now() - begin;
  return all.count() / kRounds;
}

}  // namespace

int main(int argc, char** argv) {
  const std::size_t workers = argc > 1 ? std::strtoul(argv[1], nullptr, 10) : kWorkers;
  BusyPool pool(workers);
  const double deadline = microseconds_each([&](std::size_t) { pool.pass_deadline(); });
  pool.accept();
  pool.stop();
  const double finishing = microseconds_each([&](std::size_t i) { pool.report_load(i); });
  (void)std::printf("{\"workers\": %zu, \"deadline_us\": %.2f, \"finishing_us\": %.2f}\n", workers, deadline,
                    finishing);
  return 0;
}
