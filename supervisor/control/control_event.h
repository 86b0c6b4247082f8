// The events that subscribers of the control socket get, as values. docs/control.md explains each. Knows
// nothing of sockets.
#pragma once

#include <sys/types.h>

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <string>
#include <variant>
#include <vector>

#include "supervisor/control/admin_status.h"
#include "supervisor/control/reload_verdict.h"
#include "supervisor/core/action.h"
#include "supervisor/core/ids.h"
#include "supervisor/core/worker_row.h"

namespace prefork {

namespace control_event {

struct WorkerStarted {
  std::string pool;
  std::uint64_t worker = 0;
  pid_t pid = 0;
  WorkerRole role = WorkerRole::kWorker;
  Generation generation = 0;
};
struct WorkerReady {
  std::string pool;
  std::uint64_t worker = 0;
  pid_t pid = 0;
  Duration took{};  ///< from the request to start it
};
struct ConnectionRedispatched {
  std::string pool;
  std::uint64_t worker = 0;  ///< the worker that has it now
  pid_t pid = 0;
  std::uint32_t times = 0;  ///< how often the connection has come back
};
struct WorkerDied {
  std::string pool;
  pid_t pid = 0;  ///< 0: there never was a process
  DeathRecord record;
  std::string text;                      ///< the record in words
  std::vector<std::string> output = {};  ///< the worker's last lines, if they were captured
};
struct Reloaded {
  ReloadVerdict verdict;
};
struct SaturationChanged {
  std::string pool;
  bool saturated = false;
  std::size_t queued = 0;
};
struct RolloutStaged {
  using Stage = action::ReportRollout::Stage;
  std::string pool;
  Stage stage = Stage::kTrial;
  Generation generation = 0;
  std::string text;  ///< kFailed, kDoesNotStart: why
};
struct UpgradeRefused {
  std::string text;  ///< why
};
/// This program has taken over.
struct Upgraded {
  std::string from, version;  ///< the version before, and this one
  Duration took{};
};
struct PoolFailed {
  std::string pool;
  std::uint32_t failures = 0;  ///< in a row
  Duration next_attempt{};
};
struct PoolRecovered {
  std::string pool;
};
struct PoolStopped {
  std::string pool;
  std::uint64_t cut = 0;     ///< connections that ended unserved
  std::uint64_t killed = 0;  ///< workers
  std::string text;          ///< the same in words, by the names of the counters
};

/// The last event: all pools have stopped.
struct Stopped {
  bool clean = true;  ///< nothing was cut short
};

}  // namespace control_event

using ControlEvent =
    std::variant<control_event::WorkerStarted, control_event::WorkerReady,
                 control_event::ConnectionRedispatched, control_event::WorkerDied, control_event::Reloaded,
                 control_event::SaturationChanged, control_event::RolloutStaged,
                 control_event::UpgradeRefused, control_event::Upgraded, control_event::PoolFailed,
                 control_event::PoolRecovered, control_event::PoolStopped, control_event::AdminDied,
                 control_event::Stopped>;

using WallTime = std::chrono::system_clock::time_point;

struct NumberedEvent {
  std::uint64_t seq = 0;  ///< 1, 2, 3 …: a gap tells a subscriber that it has missed events
  WallTime at;
  ControlEvent event;
};

class EventSink {
 public:
  virtual ~EventSink() = default;
  virtual void publish(ControlEvent event) = 0;
};

/// The notification, with its newline.
[[nodiscard]] std::string to_line(const NumberedEvent& event);

}  // namespace prefork
