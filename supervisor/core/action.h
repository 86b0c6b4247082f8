// What the core answers to an event: orders, which PoolRunner carries out, and reports. A list of actions is
// carried out from first to last.
#pragma once

#include <variant>
#include <vector>

#include "supervisor/core/action_order.h"
#include "supervisor/core/action_report.h"

namespace prefork {

using Action =
    std::variant<action::StartWorker, action::SendDrain, action::SignalWorker, action::SendPing,
                 action::Measure, action::ForgetWorker, action::Dispatch, action::SendYield, action::Watch,
                 action::Look, action::CloseCopy, action::Inspect, action::Dismiss, action::End,
                 action::SetAccepting, action::CloseListeners, action::ReportReady, action::ReportDeath,
                 action::ReportStarts, action::ReportViolation, action::ReportRollout,
                 action::ForgetGeneration, action::ReportStuck, action::ReportStopped, action::ReportSize,
                 action::ReportAllReady, action::ReportRedispatched, action::ReportSocketBlocked,
                 action::ReportSaturation, action::ReportGaveUp, action::Stopped>;
/// Owned by the caller and reused, so that deciding allocates nothing when warm.
using Actions = std::vector<Action>;

}  // namespace prefork
