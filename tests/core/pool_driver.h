// Drives a Pool through virtual time in place of PoolRunner: remembers each action, and checks the invariants
// after each event.
#pragma once

#include <doctest/doctest.h>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "supervisor/core/pool.h"

namespace prefork {

class PoolDriver {
 public:
  static constexpr Exit kCleanExit{Exit::Kind::kExited, 0};
  static constexpr Exit kKilled{Exit::Kind::kSignaled, 9};

  explicit PoolDriver(const PoolSettings& settings, Instant origin = Instant{} + std::chrono::hours(1))
      : now(origin), pool(settings, /*seed=*/1, origin) {
    handle(event::DeadlinePassed{});
  }

  void handle(const Event& event) {
    const std::size_t before = actions.size();
    pool.handle(event, now, actions);
    for (std::size_t i = before; i < actions.size(); ++i) note(actions[i]);
    const char* broken = pool.broken_invariant();
    REQUIRE_MESSAGE(broken == nullptr, broken);
  }

  // Workers.
  void ready(WorkerId worker, std::uint64_t slots = 1) {
    handle(event::WorkerReady{.worker = worker, .slots = slots, .most_unreceived = most_unreceived});
  }
  /// Every worker that is starting says Ready, and so does each that is started because of that.
  void ready_all(std::uint64_t slots = 1) {
    std::size_t next = 0;
    while (next < started.size()) {
      const WorkerId worker = started[next++];
      const WorkerRow* row = pool.workers().find(worker);
      if (row == nullptr || row->status != WorkerStatus::kStarting) continue;
      ready(worker, row->role == WorkerRole::kTemplate ? 0 : slots);
    }
  }
  /// The same for a large pool, whose workers are started in groups.
  void ready_groups() {
    for (int group = 0; group < 8; ++group) {
      ready_all();
      advance(Lifecycle::kBetweenStarts);
    }
  }
  void exit(WorkerId worker, Exit exit = kCleanExit) { handle(event::WorkerExited{worker, exit}); }
  /// Every worker that was told to leave exits.
  void leave_all() {
    for (const WorkerId worker : rows()) {
      if (!row(worker).live()) exit(worker);
    }
  }
  [[nodiscard]] const WorkerRow& row(WorkerId worker) const {
    const WorkerRow* found = pool.workers().find(worker);
    REQUIRE(found != nullptr);
    return *found;
  }
  [[nodiscard]] bool known(WorkerId worker) const { return pool.workers().find(worker) != nullptr; }
  [[nodiscard]] std::vector<WorkerId> rows() const {
    std::vector<WorkerId> ids;
    pool.workers().for_each([&](const WorkerRow& row) { ids.push_back(row.id); });
    return ids;
  }
  [[nodiscard]] std::size_t count_status(WorkerStatus status) const {
    std::size_t count = 0;
    pool.workers().for_each([&](const WorkerRow& row) { count += row.status == status ? 1U : 0U; });
    return count;
  }

  // Connections.
  Ticket accept(ClientAddress client = kNoAddress) {
    const Ticket ticket = tickets_.allocate();
    handle(event::Accepted{ticket, 0, client});
    return ticket;
  }
  [[nodiscard]] const ConnectionRow* connection(Ticket ticket) const {
    return pool.connections().find(ticket);
  }
  /// The worker that holds the connection; none while it is queued or when it is over.
  [[nodiscard]] WorkerId holder(Ticket ticket) const {
    const ConnectionRow* row = connection(ticket);
    return row == nullptr ? WorkerId{} : row->worker;
  }
  void busy(Ticket ticket) { handle(event::WorkerBusy{holder(ticket), ticket}); }
  void idle(Ticket ticket) { handle(event::WorkerIdle{holder(ticket), ticket}); }
  void park(Ticket ticket, const std::string& memo = {}) {
    handle(event::WorkerParked{holder(ticket), ticket, memo});
  }
  void see(Ticket ticket, event::ClientSign sign) { handle(event::ClientSeen{ticket, sign}); }
  void refuse(Ticket ticket) { handle(event::WorkerRefused{holder(ticket), ticket}); }
  /// Accepts a connection, which a worker begins and finishes. Returns the worker.
  WorkerId serve_one() {
    const Ticket ticket = accept();
    const WorkerId worker = holder(ticket);
    REQUIRE(worker);
    busy(ticket);
    idle(ticket);
    return worker;
  }

  /// Lets time pass and sends DeadlinePassed for each deadline on the way.
  void advance(Duration duration) {
    const Instant end = now + duration;
    for (int steps = 0; steps < 100'000; ++steps) {
      const std::optional<Instant> deadline = pool.next_deadline();
      if (!deadline || *deadline > end) {
        now = end;
        return;
      }
      now = std::max(now, *deadline);
      handle(event::DeadlinePassed{});
    }
    FAIL("a deadline that is never over");
  }

  // Actions, of all events or since the last forget().
  void forget() { actions.clear(); }
  template <typename A, typename Matches>
  [[nodiscard]] std::size_t count(Matches matches) const {
    return static_cast<std::size_t>(std::count_if(actions.begin(), actions.end(), [&](const Action& action) {
      const A* wanted = std::get_if<A>(&action);
      return wanted != nullptr && matches(*wanted);
    }));
  }
  template <typename A>
  [[nodiscard]] std::size_t count() const {
    return count<A>([](const A&) { return true; });
  }
  template <typename A>
  [[nodiscard]] std::size_t count_for(WorkerId worker) const {
    return count<A>([&](const A& action) { return action.worker == worker; });
  }
  /// The last action of this kind.
  template <typename A>
  [[nodiscard]] const A& last() const {
    const A* found = nullptr;
    for (const Action& action : actions) {
      if (const A* wanted = std::get_if<A>(&action)) found = wanted;
    }
    REQUIRE(found != nullptr);
    return *found;
  }
  [[nodiscard]] bool signalled(WorkerId worker, action::SignalWorker::Signal signal) const {
    return count<action::SignalWorker>(
               [&](const auto& a) { return a.worker == worker && a.signal == signal; }) > 0;
  }
  [[nodiscard]] bool terminated(WorkerId worker) const {
    return signalled(worker, action::SignalWorker::Signal::kTerminate);
  }
  [[nodiscard]] bool killed(WorkerId worker) const {
    return signalled(worker, action::SignalWorker::Signal::kKill);
  }
  /// How the connection was ended; nothing if it was not.
  [[nodiscard]] std::optional<action::End::How> ended(Ticket ticket) const {
    std::optional<action::End::How> how;
    for (const Action& action : actions) {
      const auto* end = std::get_if<action::End>(&action);
      if (end != nullptr && end->ticket == ticket) how = end->how;
    }
    return how;
  }

  std::uint32_t most_unreceived = 0;  ///< what workers say of themselves with Ready
  Instant now;
  Pool pool;
  Actions actions;
  std::vector<WorkerId> started;  ///< in the order of their StartWorker

 private:
  void note(const Action& action) {
    if (const auto* start = std::get_if<action::StartWorker>(&action)) started.push_back(start->worker);
    if (const auto* end = std::get_if<action::End>(&action)) tickets_.release(end->ticket);
  }

  SlotAllocator<Ticket> tickets_;
};

}  // namespace prefork
