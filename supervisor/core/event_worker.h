// The events that a worker causes: its records, and what the kernel tells of its process. No record is
// trusted: the core checks each one against its tables.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "supervisor/core/death_record.h"
#include "supervisor/core/ids.h"

namespace prefork::event {

/// A process exists where a template was asked for one: the worker has identified itself.
struct WorkerIntroduced {
  WorkerId worker;
};
struct WorkerReady {
  WorkerId worker;
  std::uint64_t slots = 0;
  /// Set when the worker speaks another version of the protocol than the supervisor: that version.
  std::optional<std::uint32_t> foreign_version = {};
  std::uint32_t most_unreceived = 0;  ///< gets no more while it has neither begun nor refused so many; 0: any
};
struct WorkerBusy {
  WorkerId worker;
  Ticket ticket;
  /// How many of the datagrams that were sent to the worker it has not received; nothing: not looked.
  std::optional<std::uint32_t> unread = {};
};
struct WorkerIdle {
  WorkerId worker;
  Ticket ticket;
  std::optional<std::uint32_t> unread = {};  ///< as in WorkerBusy; for one that was not begun before
};
/// The worker has answered, and gives the connection back until its next request.
struct WorkerParked {
  WorkerId worker;
  Ticket ticket;
  std::string memo = {};  ///< any bytes, for the next worker that gets the connection; at most kMaxMemo
  std::optional<std::uint32_t> unread = {};  ///< as in WorkerIdle
};
struct WorkerRefused {
  WorkerId worker;
  Ticket ticket;
  std::optional<std::uint32_t> unread = {};  ///< as in WorkerBusy
};
/// The worker takes no further connection, by its own decision: it finishes what it has begun, and exits.
struct WorkerLeaves {
  WorkerId worker;
};
struct WorkerProgress {
  WorkerId worker;
  Ticket ticket;
};
struct WorkerPong {
  WorkerId worker;
};
/// A call on the socket of a connection that this worker had has waited for a second: a process holds the
/// lock of the socket.
struct SocketBlocked {
  WorkerId worker;
  Ticket ticket;
};
/// How loaded the worker reports to be, in thousandths of what it can bear.
struct WorkerLoad {
  WorkerId worker;
  std::uint32_t load = 0;
};
/// The worker sent something that no worker may ever send.
struct WorkerViolated {
  WorkerId worker;
  std::string what = {};  ///< "a datagram of 0 bytes"
};

/// The worker was stopped by a signal such as SIGSTOP, or was continued.
struct WorkerStopped {
  WorkerId worker;
  bool stopped = true;
};
/// The answer to a Measure action.
struct WorkerMeasured {
  WorkerId worker;
  std::uint64_t rss = 0;  ///< bytes
};
/// The worker's channel has ended; the worker may still be alive.
struct ChannelClosed {
  WorkerId worker;
};
/// The worker is dead and reaped, and its channel has been read to the end. Also for a worker that never
/// started.
struct WorkerExited {
  WorkerId worker;
  Exit exit;
  bool silent = false;  ///< its channel has brought nothing, though workers speak first
  /// The kernel says that it has received none of the connections that it holds. Set where no receipt tells.
  bool received_none = false;
  std::string start_error = {};  ///< why its program did not run
  StartClue clue = StartClue::kNone;
};

}  // namespace prefork::event
