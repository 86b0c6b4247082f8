// What the core wants done. io/ carries the actions out in order; those that end a row (ForgetWorker, End)
// come last for their id, so no action names what is gone.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <variant>
#include <vector>

#include "supervisor/core/ids.h"
#include "supervisor/core/worker_row.h"

namespace prefork::action {

/// Start a process for this row. `from` is the template to fork it from; none: exec the pool's command.
struct StartWorker {
  WorkerId worker;
  WorkerRole role = WorkerRole::kWorker;
  WorkerId from;
  Generation generation = 0;  ///< whose command; those still in use are kept
};
/// Tell the worker to finish what it has and exit.
struct SendDrain {
  WorkerId worker;
};
struct SignalWorker {
  enum class Signal { kTerminate, kAbort, kKill };
  WorkerId worker;
  Signal signal = Signal::kTerminate;
};
/// Ask the worker whether it lives.
struct SendPing {
  WorkerId worker;
};
/// Find out how much memory the worker uses; answer with event::WorkerMeasured at once.
struct Measure {
  WorkerId worker;
};
/// The row is gone. Destroy what belongs to it.
struct ForgetWorker {
  WorkerId worker;
};

/// Send the connection to the worker; keep our copy of the socket.
struct Dispatch {
  WorkerId worker;
  Ticket ticket;
  ListenerIndex listener = 0;
  Instant accepted_at;
  Duration waited{};          ///< in the queue, since the client wanted a worker
  bool came_back = false;     ///< from a worker that may have set options of the socket
  bool answered = false;      ///< a worker has answered on it before
  bool look_first = false;    ///< it waited: when its client has left, nothing is sent (kClientLeft)
  bool may_park = false;      ///< the worker may give it back between two requests
  bool last = false;          ///< the pool is being stopped: the client shall not expect another answer
  bool park_at_once = false;  ///< and should, without keeping it for a while
};
/// Others wait: ask the worker to park what it keeps for a next request.
struct SendYield {
  WorkerId worker;
};
/// Tell when the client has sent something or has left: event::ClientSeen, once.
struct Watch {
  Ticket ticket;
};
/// See what the client does; answer with event::ClientSeen at once.
struct Look {
  Ticket ticket;
};
/// Close our copy of the socket. The ticket lives on.
struct CloseCopy {
  Ticket ticket;
};
/// Find out whether a byte of the connection was consumed or answered; answer with event::Inspected at once.
struct Inspect {
  Ticket ticket;
};
/// The worker that holds the connection is stuck: end it for the client, with `crash_reply` where nothing was
/// answered. The ticket lives on.
struct Dismiss {
  Ticket ticket;
};
/// The connection is over and the ticket gone.
struct End {
  enum class How {
    kClose,   ///< close our copy, if it is still open
    kHangUp,  ///< the same for one that a worker has parked; it is over whoever else holds a copy
    kCut,     ///< end it for the client whoever else holds a copy, then close
    kReject,  ///< send `reject_with` and close cleanly
    kCrash,   ///< nothing was answered: send `crash_reply` and close cleanly, or cut it when there is none
  };
  Ticket ticket;
  How how = How::kClose;
};

/// Accept connections from now on, or do not.
struct SetAccepting {
  bool accepting = false;
};
/// Close the listeners for good.
struct CloseListeners {};

// For the log: facts, no orders.
struct ReportReady {
  WorkerId worker;
  Duration took{};
};
struct ReportDeath {
  DeathRecord record;
};
struct ReportStarts {
  std::uint32_t failures = 0;  ///< new workers that died in a row; 0: they are of use again
  Duration delay{};            ///< until the next attempt
};
/// A record that does not fit the tables.
struct ReportViolation {
  enum class What {
    kUnexpectedReady,
    kBadVersion,
    kBadSlots,
    kNotReady,
    kUnknownTicket,
    kWrongState,
    kMayNotPark,
    kUnexpectedPong
  };
  WorkerId worker;
  What what = What::kUnexpectedReady;
  std::uint64_t value = 0;  ///< the ticket, version or number of slots in question
};
/// A new generation is on trial, has taken over, or has failed: then the present one stays.
struct ReportRollout {
  enum class Stage { kTrial, kTakesOver, kFailed };
  Stage stage = Stage::kTrial;
  Generation generation = 0;
  std::optional<DeathRecord> death;  ///< kFailed: of the worker that failed
};
/// Workers of this generation are gone for good: what they were started from is not needed any more.
struct ForgetGeneration {
  Generation generation = 0;
};
/// SIGKILL did not end the worker: it hangs in the kernel. `replaced`: another takes its place meanwhile.
struct ReportStuck {
  WorkerId worker;
  bool replaced = true;
};
/// The number of workers follows the load.
struct ReportSize {
  std::size_t workers = 0;
  std::size_t before = 0;
};
/// A connection that came back is sent to another worker.
struct ReportRedispatched {
  WorkerId worker;  ///< the new one
  Ticket ticket;
  std::uint32_t times = 1;  ///< how often it has come back
};
/// Connections began to wait, or have not done so for a moment.
struct ReportSaturation {
  bool saturated = false;
  std::size_t queued = 0;
};
/// A connection came back from workers too often and will be closed.
struct ReportGaveUp {
  Ticket ticket;
  unsigned times = 0;  ///< how often it came back
};
/// Nothing of the pool is left.
struct Stopped {
  bool clean = true;  ///< nobody was killed and no connection was turned away or cut
};

}  // namespace prefork::action

namespace prefork {

using Action =
    std::variant<action::StartWorker, action::SendDrain, action::SignalWorker, action::SendPing,
                 action::Measure, action::ForgetWorker, action::Dispatch, action::SendYield, action::Watch,
                 action::Look, action::CloseCopy, action::Inspect, action::Dismiss, action::End,
                 action::SetAccepting, action::CloseListeners, action::ReportReady, action::ReportDeath,
                 action::ReportStarts, action::ReportViolation, action::ReportRollout,
                 action::ForgetGeneration, action::ReportStuck, action::ReportSize,
                 action::ReportRedispatched, action::ReportSaturation, action::ReportGaveUp, action::Stopped>;
/// Owned by the caller and reused, so that deciding allocates nothing when warm.
using Actions = std::vector<Action>;

}  // namespace prefork
