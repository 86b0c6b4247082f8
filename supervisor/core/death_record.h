// What is known about a worker that is dead: for the log, and for the worker that takes its place.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "supervisor/core/ids.h"
#include "supervisor/core/worker_state.h"

namespace prefork {

/// How a process ended.
struct Exit {
  enum class Kind {
    kExited,       ///< value is the exit status
    kSignaled,     ///< value is the signal
    kNotStarted,   ///< there never was a process
    kVanished,     ///< a forked worker whose channel ended before the worker identified itself
    kOutOfMemory,  ///< killed by the kernel because memory ran out; value is the signal
  };
  Kind kind = Kind::kExited;
  int value = 0;

  template <typename Self, typename Visit>
  static void visit_state(Self& self, Visit&& visit) {
    visit("kind", self.kind), visit("value", self.value);
  }
};

/// What a worker sent that it may not send.
struct Violation {
  enum class What {
    kUnexpectedReady,
    kBadVersion,
    kBadSlots,
    kNotReady,
    kUnknownTicket,
    kWrongState,
    kMayNotPark,
    kUnexpectedPong,
    kNotReceived,
    kUnexpectedLeave,
    kForbidden,  ///< what no worker may ever send: `text` says what it was
    kLongMemo,
  };
  What what = What::kForbidden;
  std::uint64_t value = 0;  ///< the ticket, version or number of slots in question
  std::string text = {};    ///< kForbidden: words of the supervisor, with none of the worker's bytes

  template <typename Self, typename Visit>
  static void visit_state(Self& self, Visit&& visit) {
    visit("what", self.what), visit("value", self.value), visit("text", self.text);
  }
};

/// What the parts around the core have seen of a worker that does not suit its pool. See
/// control/start_clue_words for what each tells a person.
enum class StartClue {
  kNone,
  kNeverListened,     ///< protocol accept: at no address of the pool, and at no other
  kListensElsewhere,  ///< protocol accept: only at other addresses
  kAskedForIoUring,   ///< protocol accept: at none; it asked for io_uring, with which it may want to accept
  kWentToBackground,  ///< protocol accept: its process ended, a child of it goes on
  kNotReached,        ///< protocol accept: an address was in use, as if no library were in the program
  kAddressInUse,      ///< another protocol: an address was in use
};

struct DeathRecord {
  WorkerId worker;
  WorkerRole role = WorkerRole::kWorker;
  Generation generation = 0;
  Exit exit;
  StopReason reason = StopReason::kNone;  ///< kNone: the worker ended by itself
  bool was_ready = false;
  bool killed_by_us = false;  ///< a signal that the supervisor had sent ended it
  bool silent = false;        ///< its channel has brought nothing
  StartClue clue = StartClue::kNone;
  Duration age{};  ///< from its start
  std::uint64_t served = 0;
  std::uint64_t refused = 0;
  std::uint32_t held_begun = 0;    ///< connections it had begun and not finished
  std::uint32_t held_unbegun = 0;  ///< connections that go to other workers
  std::uint32_t held_closed = 0;   ///< connections it had not begun either, which are closed
  std::optional<Violation> violation = {};
  std::string start_error = {};  ///< why its program did not run

  /// The worker ended by itself or misbehaved, and is replaced. Other deaths are planned.
  [[nodiscard]] bool is_failure() const { return prefork::is_failure(reason); }

  template <typename Self, typename Visit>
  static void visit_state(Self& self, Visit&& visit) {
    visit("worker", self.worker), visit("role", self.role), visit("generation", self.generation);
    visit("exit", self.exit), visit("reason", self.reason), visit("was_ready", self.was_ready);
    visit("killed_by_us", self.killed_by_us), visit("age", self.age), visit("served", self.served);
    visit("held_begun", self.held_begun), visit("held_unbegun", self.held_unbegun),
        visit("refused", self.refused);
    visit("held_closed", self.held_closed), visit("silent", self.silent);
    visit("violation", self.violation), visit("start_error", self.start_error), visit("clue", self.clue);
  }
};

/// The series of workers in one place of the pool: what a new worker inherits from the one it replaces.
struct Lineage {
  std::uint32_t restarts = 0;
  std::optional<DeathRecord> last_death;

  template <typename Self, typename Visit>
  static void visit_state(Self& self, Visit&& visit) {
    visit("restarts", self.restarts), visit("last_death", self.last_death);
  }
};

}  // namespace prefork
