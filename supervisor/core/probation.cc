#include "supervisor/core/probation.h"

#include <algorithm>

namespace prefork {

Verdict Probation::judge(const WorkerRow& row, Instant now) const {
  // A stopped worker is judged when it is continued.
  if (row.status != WorkerStatus::kReady || row.stopped) return {};
  const PoolSettings::Probation& probation = settings_.probation;
  const Instant due = row.ready_at + probation.time;
  if (now < due) return {.ask_again = due};
  // A connection that it refused is made up for by one that it serves.
  const std::uint64_t wanted = probation.connections + row.refused;
  if (row.served >= wanted) return {.trial = Trial::kPassed};
  const Instant patient_until = row.ready_at + kPatience * probation.time;
  if (now < patient_until) return {.ask_again = patient_until};
  const Held held = held_by(row.id);
  const std::uint64_t good = row.served + held.at_work;
  if (good >= wanted) return {.trial = Trial::kPassed};
  const std::optional<Duration> silence = longest_silence();
  if (held.silent_since && silence) {
    const Instant too_long = *held.silent_since + *silence;
    if (now < too_long) return {.ask_again = too_long};
    return {.trial = Trial::kHangs, .ask_again = now};
  }
  if (row.refused > good) return {.trial = Trial::kRefuses, .ask_again = now};
  return {.trial = Trial::kPassed};
}

bool Probation::served_enough(const WorkerRow& row) const {
  return row.served >= std::max<std::uint64_t>(1, settings_.probation.connections + row.refused);
}

Probation::Held Probation::held_by(WorkerId worker) const {
  Held held;
  connections_.for_each_held(worker, [&held](const ConnectionRow& row) {
    if (row.state == ConnectionState::kBusy && row.progressed) {
      ++held.at_work;
    } else if (!held.silent_since || row.since < *held.silent_since) {
      held.silent_since = row.since;
    }
  });
  return held;
}

std::optional<Duration> Probation::longest_silence() const {
  if (settings_.probation.connections == 0) return std::nullopt;
  if (busy_times_.count() < kKnown) return kLongest;
  if (busy_times_.percentile(0.5) >= kLongest) return std::nullopt;
  const Duration shortest = std::clamp<Duration>(kPatience * settings_.probation.time, kShortest, kLongest);
  return std::clamp<Duration>(kSlower * busy_times_.percentile(0.99), shortest, kLongest);
}

}  // namespace prefork
