// What the core is told. The rooms around it make these events from what the kernel, the workers and the
// operator do; pool/PoolRunner hands them to the Pool.
#pragma once

#include <cstddef>
#include <variant>

#include "supervisor/core/event_worker.h"
#include "supervisor/core/ids.h"
#include "supervisor/core/settings.h"

namespace prefork::event {

/// A connection was accepted, and its socket is held under this ticket, which is larger than all before it.
struct Accepted {
  Ticket ticket;
  ListenerIndex listener = 0;
  ClientAddress client = kNoAddress;  ///< connections are counted by this address
  bool proxied = false;               ///< its listener speaks the PROXY protocol: a header comes first
};

/// A Dispatch action could not be carried out; nothing reached the worker.
struct DispatchFailed {
  enum class Cause {
    kWorkerGone,   ///< its channel is closed
    kWorkerFull,   ///< it does not read its channel
    kNoResources,  ///< this machine or user is short of something; neither worker nor connection is at fault
    kBadConnection,  ///< this socket cannot be sent
    kClientLeft,     ///< with look_first: its client has left, or has ended its side
  };
  WorkerId worker;
  Ticket ticket;
  Cause cause = Cause::kWorkerGone;
};

/// The answer to an Inspect action, one for each and in their order. Untouched: the kernel has counted no
/// byte consumed and no byte answered.
struct Inspected {
  Ticket ticket;
  bool untouched = false;
  bool answered = true;  ///< a byte was sent, or that cannot be known
};

/// What can be seen of a client without reading from its connection.
enum class ClientSign {
  kSilent,  ///< it has sent nothing
  kAsks,    ///< it has sent something that is unread
  kEnded,   ///< it has ended its side without asking for anything; a TCP client may also have left
  kGone,    ///< it has left
};
/// The result of a Watch action, once; or the answer to a Look action.
struct ClientSeen {
  Ticket ticket;
  ClientSign sign = ClientSign::kAsks;
};
/// No descriptor is free for the next connection.
struct DescriptorsShort {};

/// A new configuration.
struct SettingsChanged {
  enum class Workers {
    kStay,       ///< they are started from the same settings as before
    kReplaced,   ///< by a new generation
    kTrialEnds,  ///< those that serve are started from these settings; a generation on trial is not
  };
  PoolSettings settings;
  Workers workers = Workers::kStay;
};
/// The operator wants this number of workers from now on.
struct Resized {
  std::size_t workers = 0;
};
/// The operator says that the cause of failing starts is mended: start again at once.
struct FailuresForgotten {};
struct StopRequested {
  bool quick = false;  ///< do not wait for what is queued or busy
};
/// Pool::next_deadline() has come.
struct DeadlinePassed {};

}  // namespace prefork::event

namespace prefork {

using Event =
    std::variant<event::Accepted, event::DispatchFailed, event::Inspected, event::ClientSeen,
                 event::WorkerIntroduced, event::DescriptorsShort, event::WorkerReady, event::WorkerBusy,
                 event::WorkerIdle, event::WorkerParked, event::WorkerRefused, event::WorkerLeaves,
                 event::WorkerProgress, event::WorkerPong, event::SocketBlocked, event::WorkerLoad,
                 event::WorkerStopped, event::WorkerMeasured, event::WorkerViolated, event::ChannelClosed,
                 event::WorkerExited, event::SettingsChanged, event::Resized, event::FailuresForgotten,
                 event::StopRequested, event::DeadlinePassed>;

}  // namespace prefork
