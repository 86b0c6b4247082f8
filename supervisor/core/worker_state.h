// The states a worker goes through, and the reasons why the pool ends one.
#pragma once

#include <string_view>

namespace prefork {

enum class WorkerStatus {
  kStarting,  ///< asked for; has not said Ready
  kReady,     ///< gets connections while it has free slots
  kDraining,  ///< gets nothing new, finishes what it has, then exits by itself
  kStopping,  ///< has been signalled; its exit is awaited
};

enum class WorkerRole {
  kWorker,
  kTemplate,  ///< forks workers and serves no connections
};

/// Why the pool ends a worker. kNone: it does not.
enum class StopReason {
  kNone,
  kResize,          ///< the pool became smaller
  kReload,          ///< a newer generation took its place
  kRecycle,         ///< was old, had served enough or was too large, and another took its place
  kPoolStop,        ///< the pool is being stopped
  kDrainTimeout,    ///< did not finish within stop_timeout
  kStartTimeout,    ///< did not say Ready within start_timeout
  kReceiptTimeout,  ///< did not say Busy within receipt_timeout
  kBusyTimeout,     ///< was busy with one connection for longer than busy_timeout
  kPingTimeout,     ///< was idle and did not answer within ping_timeout
  kViolation,       ///< broke the protocol
  kChannelClosed,   ///< closed its channel, or half of it, but stayed alive
  kDoesNotFork,     ///< a template that was asked for workers and forked none for start_timeout
  kFailedTrial,     ///< refused or held connections on trial, in place of serving them
  kSocketBlocked,   ///< a call on a socket that it had has waited for a second
  kLeft,            ///< said that it takes nothing more; the pool does not end it, but replaces it
  kLeftTooSoon,     ///< the same before it was of use: see Lifecycle::leave()
};

/// Leaving for this reason is a failure, and the worker is replaced; leaving for the others is planned.
[[nodiscard]] constexpr bool is_failure(StopReason reason) {
  return reason != StopReason::kResize && reason != StopReason::kReload && reason != StopReason::kRecycle &&
         reason != StopReason::kPoolStop && reason != StopReason::kDrainTimeout &&
         reason != StopReason::kLeft;
}

/// The worker leaves by its own decision.
[[nodiscard]] constexpr bool is_own_decision(StopReason reason) {
  return reason == StopReason::kNone || reason == StopReason::kLeft || reason == StopReason::kLeftTooSoon;
}

[[nodiscard]] std::string_view to_string(WorkerStatus status);
[[nodiscard]] std::string_view to_string(StopReason reason);

}  // namespace prefork
