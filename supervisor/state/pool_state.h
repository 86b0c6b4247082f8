// What a pool's runner is, as plain values: its part of upgrade_state.h. Descriptors are carried by their
// numbers; the process keeps them through the exec.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "supervisor/core/action.h"
#include "supervisor/core/ids.h"
#include "supervisor/core/snapshot.h"

namespace prefork {

/// A descriptor of the process, by its number.
enum class Carried : int { kNone = -1 };

/// What a worker writes.
struct OutputState {
  Carried pipe = Carried::kNone;
  std::string name;   ///< that stands before its lines; empty: it is not read yet
  std::string begun;  ///< of a line
  bool shared = false;

  template <typename Self, typename Visit>
  static void visit_state(Self& self, Visit&& visit) {
    visit("pipe", self.pipe), visit("name", self.name), visit("begun", self.begun);
    visit("shared", self.shared);
  }
};

struct WorkerProcessState {
  WorkerId id;
  Carried channel = Carried::kNone, pidfd = Carried::kNone;
  std::int64_t pid = 0;
  bool listened_to = true;  ///< its channel is watched
  bool awaits_identity = false, violated = false, kill_sent = false;
  std::optional<action::SignalWorker::Signal> pending_signal;
  std::string start_error, note;
  OutputState output;  ///< without a pipe: not captured

  template <typename Self, typename Visit>
  static void visit_state(Self& self, Visit&& visit) {
    visit("id", self.id), visit("channel", self.channel), visit("pidfd", self.pidfd), visit("pid", self.pid);
    visit("listened_to", self.listened_to), visit("awaits_identity", self.awaits_identity);
    visit("violated", self.violated), visit("kill_sent", self.kill_sent);
    visit("pending_signal", self.pending_signal);
    visit("start_error", self.start_error), visit("note", self.note);
    visit("output", self.output);
  }
};

/// A request to a template that it has not been sent yet.
struct ForkState {
  WorkerId worker, from;
  Carried channel = Carried::kNone;

  template <typename Self, typename Visit>
  static void visit_state(Self& self, Visit&& visit) {
    visit("worker", self.worker), visit("from", self.from), visit("channel", self.channel);
  }
};

struct SocketState {
  Ticket ticket;
  Carried socket = Carried::kNone;  ///< none: our copy is closed
  bool sent = false;
  bool watched = false;                              ///< for what its client says next
  std::uint64_t bytes_consumed = 0, bytes_sent = 0;  ///< when it was last sent to a worker

  template <typename Self, typename Visit>
  static void visit_state(Self& self, Visit&& visit) {
    visit("ticket", self.ticket), visit("socket", self.socket), visit("sent", self.sent);
    visit("watched", self.watched), visit("bytes_consumed", self.bytes_consumed);
    visit("bytes_sent", self.bytes_sent);
  }
};

/// A connection that has been told its last words.
struct FarewellState {
  Carried socket = Carried::kNone;
  Instant deadline;

  template <typename Self, typename Visit>
  static void visit_state(Self& self, Visit&& visit) {
    visit("socket", self.socket), visit("deadline", self.deadline);
  }
};

/// In the order of the configuration, which says where it listens.
struct ListenerState {
  Carried socket = Carried::kNone;
  std::uint64_t file = 0;  ///< inode of a unix socket's file that is ours to remove
  std::uint64_t accepted = 0;
  Carried unmoved = Carried::kNone;  ///< a client's socket that waits for a number

  template <typename Self, typename Visit>
  static void visit_state(Self& self, Visit&& visit) {
    visit("socket", self.socket), visit("file", self.file), visit("accepted", self.accepted);
    visit("unmoved", self.unmoved);
  }
};

/// What the processes of one generation are started from, as requests to the spawner.
struct LaunchState {
  Generation generation = 0;
  std::string worker, fork_template;

  template <typename Self, typename Visit>
  static void visit_state(Self& self, Visit&& visit) {
    visit("generation", self.generation), visit("worker", self.worker), visit("template", self.fork_template);
  }
};

struct PoolState {
  std::string name;
  Duration stop_timeout{};
  bool stopped_cleanly = true, rollout_failed = false;
  std::uint64_t spawner_key = 0;
  Snapshot core;     ///< of the Pool
  Snapshot tickets;  ///< of the SlotAllocator
  std::vector<LaunchState> launches;
  std::vector<ListenerState> listeners;
  std::vector<WorkerProcessState> workers;
  std::vector<OutputState> outputs;  ///< of templates that are gone, for the workers that they left
  std::vector<ForkState> forks;
  std::vector<SocketState> sockets;
  std::vector<FarewellState> farewells;

  template <typename Self, typename Visit>
  static void visit_state(Self& self, Visit&& visit) {
    visit("name", self.name), visit("stop_timeout", self.stop_timeout);
    visit("stopped_cleanly", self.stopped_cleanly), visit("rollout_failed", self.rollout_failed);
    visit("spawner_key", self.spawner_key), visit("core", self.core), visit("tickets", self.tickets);
    visit("launches", self.launches), visit("listeners", self.listeners), visit("workers", self.workers);
    visit("outputs", self.outputs), visit("forks", self.forks), visit("sockets", self.sockets),
        visit("farewells", self.farewells);
  }
};

}  // namespace prefork
