#include "supervisor/core/upkeep.h"

#include <algorithm>

namespace prefork {

void Upkeep::plan_recycling(WorkerRow& row) {
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

bool Upkeep::served(WorkerRow& row) {
  if (row.recycle_served == 0 || row.served < row.recycle_served || row.recycle_due) return false;
  row.recycle_due = true;
  return true;
}

bool Upkeep::measured(WorkerRow& row, std::uint64_t rss) const {
  if (settings_.recycle.rss == 0 || rss <= settings_.recycle.rss) return false;
  row.recycle_due = true;
  return true;
}

void Upkeep::ponged(WorkerRow& row, Instant now) {
  row.pinged_at.reset();
  row.ponged_at = now;
}

void Upkeep::retire_due(WorkerTable& workers, Generation serving) const {
  std::size_t retiring = 0;
  workers.for_each([&](const WorkerRow& row) { retiring += row.retiring && row.live() ? 1U : 0U; });
  workers.for_each([&](WorkerRow& row) {
    const bool can = row.recycle_due && row.serves(serving) && row.status == WorkerStatus::kReady;
    if (!can || retiring >= settings_.recycle.at_once) return;
    row.retiring = true;
    ++retiring;
  });
}

std::optional<Duration> Upkeep::interval() const {
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

void Upkeep::plan_check(Instant now) {
  if (due_) return;
  if (const auto wait = interval()) due_ = now + *wait;
}

bool Upkeep::take_due(Instant now) {
  if (!due_ || *due_ > now) return false;
  due_.reset();
  return true;
}

void Upkeep::checked(std::size_t next, Instant now) {
  next_slot_ = next;
  if (next != 0) due_ = now + kBetweenParts;
}

Upkeep::Health Upkeep::check(WorkerRow& row, Instant now, Actions& out) const {
  if (row.recycle_at && *row.recycle_at <= now) row.recycle_due = true;
  if (settings_.recycle.rss > 0 && !row.recycle_due) out.push_back(action::Measure{row.id});
  // busy_timeout watches a worker that has connections. A worker that is stopped cannot answer, and it was
  // stopped on purpose.
  if (settings_.ping_interval == Duration::zero() || row.load > 0 || row.stopped) return Health::kWell;
  if (row.pinged_at) return now - *row.pinged_at >= settings_.ping_timeout ? Health::kSilent : Health::kWell;
  if (now - std::max(row.since, row.ponged_at.value_or(row.since)) >= settings_.ping_interval) {
    row.pinged_at = now;
    ++row.datagrams;
    out.push_back(action::SendPing{row.id});
  }
  return Health::kWell;
}

}  // namespace prefork
