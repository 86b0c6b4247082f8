// The choices among named alternatives that a pool's configuration offers and the core acts on. Defined once:
// config/config.h and core/settings.h both use these. docs/configuration.md explains what each choice does.
#pragma once

namespace prefork {

/// How a worker process comes into being.
enum class StartForm {
  kExec,  ///< the pool's command is executed for each worker
  kFork,  ///< a template process forks the workers
};

/// Which of several equally busy workers gets the next connection.
enum class Prefer { kLongestIdle, kWarmest };

/// How long the supervisor keeps its own copy of a connection's socket.
enum class Hold {
  kReceipt,  ///< until the worker has said Busy
  kDone,     ///< until the worker has finished the connection
};

/// What happens when the queue is full.
enum class QueueFull {
  kWait,    ///< the pool stops accepting; clients wait in the listener's backlog
  kReject,  ///< a connection is turned away
};

enum class QueueOrder {
  kFifo,
  kAdaptive,  ///< oldest first while the queue drains, newest first while it stands
};

enum class QueueFairness {
  kNone,
  kAddress,  ///< client addresses take turns; in a full queue the one that waits with the most makes room
};

/// What happens to a queued connection whose client has shut down its sending direction and has sent nothing.
enum class HalfClosed {
  kClose,  ///< no worker gets it: its client can ask for nothing
  kServe,  ///< a worker gets it: in its protocol the server speaks first
};

/// The signal that a worker gets first when it is stuck; SIGKILL follows after kill_timeout.
enum class KillSignal { kTerminate, kAbort };

}  // namespace prefork
