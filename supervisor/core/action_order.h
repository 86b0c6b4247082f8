// The actions that are orders: what the core wants done to workers, connections and listeners. PoolRunner
// carries them out in order. Those that end a row (ForgetWorker, End) come last for their id, so that no
// action names a worker or a connection that is gone.
#pragma once

#include <string_view>

#include "supervisor/core/ids.h"
#include "supervisor/core/worker_state.h"

namespace prefork::action {

/// Start a process for this row. `from`: fork it from this template; none: execute the pool's command.
struct StartWorker {
  WorkerId worker;
  WorkerRole role = WorkerRole::kWorker;
  WorkerId from;
  Generation generation = 0;  ///< whose command; the commands of all generations in use are kept
};
/// Tell the worker to finish what it has and to exit.
struct SendDrain {
  WorkerId worker;
};
struct SignalWorker {
  enum class Signal { kTerminate, kAbort, kKill };
  WorkerId worker;
  Signal signal = Signal::kTerminate;
};
/// Ask the worker whether it is alive.
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
/// No worker of this generation is left: what they were started from is not needed any more.
struct ForgetGeneration {
  Generation generation = 0;
};

/// Send the connection to the worker; keep the supervisor's copy of the socket.
struct Dispatch {
  WorkerId worker;
  Ticket ticket;
  ListenerIndex listener = 0;
  Instant accepted_at;
  Duration waited{};          ///< in the queue, since the client wanted a worker
  bool came_back = false;     ///< from a worker that may have set options of the socket
  bool answered = false;      ///< a worker has answered on it before
  bool look_first = false;    ///< it waited: if its client has left, send nothing and report kClientLeft
  bool serve_ended = false;   ///< with look_first: a client that has ended its side has not left
  bool may_park = false;      ///< the worker may give it back between two requests
  bool last = false;          ///< the pool is being stopped: the client shall not expect another answer
  bool park_at_once = false;  ///< with may_park: the worker should not keep it for the next request
  bool copy_kept = false;     ///< the supervisor keeps its copy of the socket until the worker is done
  bool proxied = false;       ///< a PROXY header comes first: no worker has parked it
  bool late_receipt = false;  ///< the worker may leave its receipt out: the kernel's counters tell the same
  /// What the last Park left. The core keeps the bytes where they are until the ticket ends.
  std::string_view memo = {};
};
/// Connections wait: ask the worker to park those that it keeps for their next requests.
struct SendYield {
  WorkerId worker;
};
/// Report with event::ClientSeen, once, when the client has sent something or has left.
struct Watch {
  Ticket ticket;
};
/// Look what the client has done; answer with event::ClientSeen, now or later.
struct Look {
  Ticket ticket;
};
/// Close the supervisor's copy of the socket. The ticket remains.
struct CloseCopy {
  Ticket ticket;
};
/// Find out whether a byte of the connection was consumed or answered; answer with event::Inspected, now or
/// later.
struct Inspect {
  Ticket ticket;
};
/// The worker that holds the connection is stuck: end the connection for its client, with `crash_reply` if
/// nothing was answered. The ticket remains.
struct Dismiss {
  Ticket ticket;
};
/// The connection is over, and its ticket is gone.
struct End {
  enum class How {
    kClose,   ///< close the supervisor's copy, if it is still open
    kHangUp,  ///< the same for one that a worker has parked: end it even if other processes hold copies
    kCut,     ///< end it for the client even if other processes hold copies, then close
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

}  // namespace prefork::action
