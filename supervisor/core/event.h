// What the core is told. io/ makes these from what the kernel, the workers and the operator do.
#pragma once

#include <cstdint>
#include <optional>
#include <variant>

#include "supervisor/core/ids.h"
#include "supervisor/core/settings.h"
#include "supervisor/core/worker_row.h"

namespace prefork::event {

/// A connection was accepted and io holds its socket under this ticket, which is larger than all before it.
struct Accepted {
  Ticket ticket;
  ListenerIndex listener = 0;
  ClientAddress client = kNoAddress;  ///< where connections of one address are counted
};

/// A Dispatch action could not be carried out; nothing reached the worker.
struct DispatchFailed {
  enum class Cause {
    kWorkerGone,     ///< its channel is closed
    kWorkerFull,     ///< it does not read its channel
    kNoResources,    ///< this machine or user is short of something; nobody's fault
    kBadConnection,  ///< this socket cannot be sent
    kClientLeft,     ///< it was looked at first, and its client has left or will not ask anything
  };
  WorkerId worker;
  Ticket ticket;
  Cause cause = Cause::kWorkerGone;
};

/// The answer to an Inspect action. Untouched: not a byte was consumed and not a byte answered, by the
/// kernel's word.
struct Inspected {
  Ticket ticket;
  bool untouched = false;
  bool answered = true;  ///< a byte was sent, or that cannot be known
};

/// There is a process where a template was asked for one: the worker has told who it is.
struct WorkerIntroduced {
  WorkerId worker;
};
/// What can be seen of a client without reading from it.
enum class ClientSign {
  kSilent,  ///< it has sent nothing
  kAsks,    ///< something of it is unread
  kGone,    ///< it has left, or has ended without asking anything
};
/// What a Watch action waited for, once; or the answer to a Look action, at once.
struct ClientSeen {
  Ticket ticket;
  ClientSign sign = ClientSign::kAsks;
};
/// No descriptor is free for the next connection.
struct DescriptorsShort {};

// Records from a worker. None of them is trusted: the core checks each against its tables.
struct WorkerReady {
  WorkerId worker;
  std::uint64_t slots = 0;
  /// Set when the worker speaks another version of the protocol than the supervisor: that version.
  std::optional<std::uint32_t> foreign_version = {};
};
struct WorkerBusy {
  WorkerId worker;
  Ticket ticket;
};
struct WorkerIdle {
  WorkerId worker;
  Ticket ticket;
};
/// It has answered, and gives the connection back until there is another request.
struct WorkerParked {
  WorkerId worker;
  Ticket ticket;
};
struct WorkerRefused {
  WorkerId worker;
  Ticket ticket;
};
struct WorkerProgress {
  WorkerId worker;
  Ticket ticket;
};
struct WorkerPong {
  WorkerId worker;
};
/// How loaded the worker says it is, in thousandths of what it can bear.
struct WorkerLoad {
  WorkerId worker;
  std::uint32_t load = 0;
};
/// The worker sent what no worker may send at any time. io has logged what.
struct WorkerViolated {
  WorkerId worker;
};

/// The worker was stopped by a signal such as SIGSTOP, or goes on after it.
struct WorkerStopped {
  WorkerId worker;
  bool stopped = true;
};
/// The answer to a Measure action.
struct WorkerMeasured {
  WorkerId worker;
  std::uint64_t rss = 0;  ///< bytes
};

/// The worker's channel has ended; it may live on.
struct ChannelClosed {
  WorkerId worker;
};
/// The worker is dead and reaped, and its channel has been read to the end. Also for one that never started.
struct WorkerExited {
  WorkerId worker;
  Exit exit;
};

/// A new configuration. `replace_workers`: what a worker is started from has changed.
struct SettingsChanged {
  PoolSettings settings;
  bool replace_workers = false;
};
/// The operator wants this many workers from now on.
struct Resized {
  std::size_t workers = 0;
};
/// The operator says that what made workers fail to start is mended: try at once.
struct FailuresForgotten {};
struct StopRequested {
  bool quick = false;  ///< do not wait for what is queued or busy
};
/// `next_deadline()` has come.
struct DeadlinePassed {};

}  // namespace prefork::event

namespace prefork {

using Event =
    std::variant<event::Accepted, event::DispatchFailed, event::Inspected, event::ClientSeen,
                 event::WorkerIntroduced, event::DescriptorsShort, event::WorkerReady, event::WorkerBusy,
                 event::WorkerIdle, event::WorkerParked, event::WorkerRefused, event::WorkerProgress,
                 event::WorkerPong, event::WorkerLoad, event::WorkerStopped, event::WorkerMeasured,
                 event::WorkerViolated, event::ChannelClosed, event::WorkerExited, event::SettingsChanged,
                 event::Resized, event::FailuresForgotten, event::StopRequested, event::DeadlinePassed>;

}  // namespace prefork
