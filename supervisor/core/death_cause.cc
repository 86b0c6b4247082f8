#include "supervisor/core/death_cause.h"

namespace prefork {
namespace {

DeathCause cause_of(Exit::Kind kind) {
  switch (kind) {
    case Exit::Kind::kExited: return DeathCause::kExited;
    case Exit::Kind::kSignaled: return DeathCause::kSignaled;
    case Exit::Kind::kNotStarted: return DeathCause::kNotStarted;
    case Exit::Kind::kVanished: return DeathCause::kVanished;
    case Exit::Kind::kOutOfMemory: return DeathCause::kOutOfMemory;
  }
  return DeathCause::kExited;
}

}  // namespace

DeathCause cause_of(const DeathRecord& death) {
  switch (death.reason) {
    case StopReason::kNone: return cause_of(death.exit.kind);
    case StopReason::kResize:
    case StopReason::kReload:
    case StopReason::kRecycle:
    case StopReason::kPoolStop:
    case StopReason::kDrainTimeout:
    case StopReason::kLeft: return DeathCause::kPlanned;
    case StopReason::kStartTimeout: return DeathCause::kStartTimeout;
    case StopReason::kReceiptTimeout: return DeathCause::kReceiptTimeout;
    case StopReason::kBusyTimeout: return DeathCause::kBusyTimeout;
    case StopReason::kPingTimeout: return DeathCause::kPingTimeout;
    case StopReason::kViolation: return DeathCause::kViolation;
    case StopReason::kChannelClosed: return DeathCause::kChannelClosed;
    case StopReason::kDoesNotFork: return DeathCause::kDoesNotFork;
    case StopReason::kFailedTrial: return DeathCause::kFailedTrial;
    case StopReason::kSocketBlocked: return DeathCause::kSocketBlocked;
    case StopReason::kLeftTooSoon: return DeathCause::kLeftTooSoon;
  }
  return DeathCause::kPlanned;
}

const char* name_of(DeathCause cause) {
  switch (cause) {
    case DeathCause::kPlanned: return "planned";
    case DeathCause::kExited: return "exited";
    case DeathCause::kSignaled: return "signaled";
    case DeathCause::kNotStarted: return "not_started";
    case DeathCause::kVanished: return "vanished";
    case DeathCause::kOutOfMemory: return "out_of_memory";
    case DeathCause::kStartTimeout: return "start_timeout";
    case DeathCause::kReceiptTimeout: return "receipt_timeout";
    case DeathCause::kBusyTimeout: return "busy_timeout";
    case DeathCause::kPingTimeout: return "ping_timeout";
    case DeathCause::kViolation: return "violation";
    case DeathCause::kChannelClosed: return "channel_closed";
    case DeathCause::kDoesNotFork: return "does_not_fork";
    case DeathCause::kFailedTrial: return "failed_trial";
    case DeathCause::kSocketBlocked: return "socket_blocked";
    case DeathCause::kLeftTooSoon: return "left_too_soon";
  }
  return "?";
}

}  // namespace prefork
