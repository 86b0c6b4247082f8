// The part of Lifecycle that looks after workers with which nothing is wrong: recycling, and whether those
// that rest still live.
#include <algorithm>

#include "supervisor/core/lifecycle.h"

namespace prefork {

void Lifecycle::plan_recycling(WorkerRow& row) {
  const PoolSettings::Recycle& recycle = settings_.recycle;
  const double factor = std::uniform_real_distribution<double>(1.0, 1.0 + recycle.jitter)(jitter_);
  row.recycle_served = 0;
  row.recycle_at.reset();
  if (recycle.connections > 0) {
    row.recycle_served = std::max<std::uint64_t>(
        1, static_cast<std::uint64_t>(static_cast<double>(recycle.connections) * factor));
  }
  if (recycle.age > Duration::zero())
    row.recycle_at = row.ready_at + std::chrono::duration_cast<Duration>(recycle.age * factor);
  row.recycle_due = row.retiring || (row.recycle_served != 0 && row.served >= row.recycle_served);
}

void Lifecycle::retire_due() {
  std::size_t retiring = 0;
  workers_.for_each([&](const WorkerRow& row) { retiring += row.retiring && row.live() ? 1U : 0U; });
  workers_.for_each([&](WorkerRow& row) {
    const bool can = row.recycle_due && present(row) && row.status == WorkerStatus::kReady;
    if (!can || retiring >= settings_.recycle.at_once) return;
    row.retiring = true;
    ++retiring;
  });
}

std::optional<Duration> Lifecycle::upkeep_interval() const {
  constexpr Duration kShortest = std::chrono::milliseconds(10);
  constexpr Duration kLongest = std::chrono::seconds(1);
  Duration interval = Duration::max();
  if (settings_.recycle.age > Duration::zero()) interval = std::min(interval, settings_.recycle.age / 8);
  if (settings_.recycle.rss > 0) interval = std::min(interval, kLongest);
  if (settings_.ping_interval > Duration::zero())
    interval = std::min({interval, settings_.ping_interval / 4, settings_.ping_timeout / 4});
  if (interval == Duration::max()) return std::nullopt;
  return std::clamp(interval, kShortest, kLongest);
}

void Lifecycle::look_after_all(Instant now, Actions& out) {
  upkeep_due_.reset();
  workers_.for_each([&](WorkerRow& row) {
    if (row.role == WorkerRole::kWorker && row.status == WorkerStatus::kReady) look_after(row, now, out);
  });
}

void Lifecycle::look_after(WorkerRow& row, Instant now, Actions& out) {
  if (row.recycle_at && *row.recycle_at <= now) row.recycle_due = true;
  if (settings_.recycle.rss > 0 && !row.recycle_due) out.push_back(action::Measure{row.id});
  // One that works is watched by busy_timeout. One that is stopped does not answer, and somebody wants that.
  if (settings_.ping_interval == Duration::zero() || row.load > 0 || row.stopped) return;
  if (row.pinged_at) {
    if (now - *row.pinged_at >= settings_.ping_timeout) end_stuck(row, StopReason::kPingTimeout, now, out);
  } else if (now - std::max(row.since, row.ponged_at.value_or(row.since)) >= settings_.ping_interval) {
    row.pinged_at = now;
    out.push_back(action::SendPing{row.id});
  }
}

void Lifecycle::ponged(WorkerRow& row, Instant now) {
  row.pinged_at.reset();
  row.ponged_at = now;
}

void Lifecycle::stopped(WorkerRow& row, bool stopped) {
  workers_.set_stopped(row, stopped);
  changed_ = true;
}

void Lifecycle::measured(WorkerRow& row, std::uint64_t rss) {
  if (settings_.recycle.rss == 0 || rss <= settings_.recycle.rss) return;
  row.recycle_due = true;
  changed_ = true;
}

}  // namespace prefork
