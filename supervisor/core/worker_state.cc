#include "supervisor/core/worker_state.h"

namespace prefork {

std::string_view to_string(WorkerStatus status) {
  switch (status) {
    case WorkerStatus::kStarting: return "starting";
    case WorkerStatus::kReady: return "ready";
    case WorkerStatus::kDraining: return "draining";
    case WorkerStatus::kStopping: return "stopping";
  }
  return "?";
}

std::string_view to_string(StopReason reason) {
  switch (reason) {
    case StopReason::kNone: return "not ended by the supervisor";
    case StopReason::kResize: return "pool made smaller";
    case StopReason::kReload: return "replaced by a new generation";
    case StopReason::kRecycle: return "recycled";
    case StopReason::kPoolStop: return "pool stopped";
    case StopReason::kDrainTimeout: return "not finished within stop_timeout";
    case StopReason::kStartTimeout: return "no Ready within start_timeout";
    case StopReason::kReceiptTimeout: return "no Busy within receipt_timeout";
    case StopReason::kBusyTimeout: return "busy with one connection for longer than busy_timeout";
    case StopReason::kPingTimeout: return "no answer within ping_timeout";
    case StopReason::kViolation: return "broke the protocol";
    case StopReason::kChannelClosed: return "closed its channel";
    case StopReason::kDoesNotFork: return "did not fork within start_timeout";
    case StopReason::kFailedTrial: return "did not serve what it was given on trial";
    case StopReason::kSocketBlocked: return "blocked the socket of a connection";
    case StopReason::kLeft: return "left by itself";
    case StopReason::kLeftTooSoon: return "left by itself too soon";
  }
  return "?";
}

}  // namespace prefork
