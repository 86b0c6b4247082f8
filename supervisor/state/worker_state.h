// The processes of a pool as plain values of the state of an upgrade in place: workers, their output, and the
// requests that start them. Written and read by supervisor/workers and supervisor/pool.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "proto/wire.h"
#include "supervisor/core/action.h"
#include "supervisor/core/ids.h"
#include "supervisor/state/carried.h"

namespace prefork {

/// The pipe that a worker writes its output to.
struct OutputState {
  Carried pipe = Carried::kNone;
  std::string name;   ///< the prefix of its lines; empty: it is not read yet
  std::string begun;  ///< the start of a line whose end has not come
  bool shared = false;
  WorkerId origin = {};  ///< the template that is gone, if its output is kept

  template <typename Self, typename Visit>
  static void visit_state(Self& self, Visit&& visit) {
    visit("pipe", self.pipe), visit("name", self.name), visit("begun", self.begun);
    visit("shared", self.shared), visit("origin", self.origin);
  }
};

/// A server of a Node worker: its program listens at this listener of the pool.
struct NodeServerState {
  ListenerIndex listener = 0;
  std::uint64_t number = 0;  ///< in its key

  template <typename Self, typename Visit>
  static void visit_state(Self& self, Visit&& visit) {
    visit("listener", self.listener), visit("number", self.number);
  }
};

/// A connection that Node has been sent, and has neither accepted nor refused.
struct NodeConnectionState {
  std::uint64_t seq = 0;
  Ticket ticket;       ///< none: it has been given back
  bool taken = false;  ///< Node has acknowledged the descriptor

  template <typename Self, typename Visit>
  static void visit_state(Self& self, Visit&& visit) {
    visit("seq", self.seq), visit("ticket", self.ticket), visit("taken", self.taken);
  }
};

/// The conversation with a Node worker.
struct NodeState {
  std::string listen = {};    ///< the addresses of the pool, as in SUPERVISOR_LISTEN
  std::string line = {};      ///< the beginning of a line whose end has not come
  bool skips = false;         ///< that line is too long, and its rest is skipped
  bool has_module = false;    ///< the module has said hello
  bool unblocks = false;      ///< the module makes sockets non-blocking
  bool ready = false;         ///< it has been told to be ready
  bool left = false;          ///< it has said that it takes no further connection
  std::uint64_t numbers = 0;  ///< of connections and servers, so far
  std::vector<NodeServerState> servers = {};
  std::vector<NodeConnectionState> unanswered = {};  ///< in the order in which they were sent
  // Of earlier versions, which send one at a time:
  bool handle_sent = false;
  std::uint64_t seq = 0;
  Ticket ticket = {};

  template <typename Self, typename Visit>
  static void visit_state(Self& self, Visit&& visit) {
    visit("listen", self.listen), visit("line", self.line), visit("skips", self.skips);
    visit("has_module", self.has_module), visit("unblocks", self.unblocks), visit("ready", self.ready);
    visit("left", self.left);
    visit("numbers", self.numbers), visit("servers", self.servers), visit("unanswered", self.unanswered);
    visit("handle_sent", self.handle_sent), visit("seq", self.seq), visit("ticket", self.ticket);
  }
};

/// What a worker speaks, and where its conversation is.
struct DialectState {
  Wire wire = Wire::kNative;
  // kClassic:
  std::optional<std::int32_t> idle_value = {};  ///< the int that means done; not set: any
  Ticket ticket = {};                           ///< of the connection that it has
  std::uint32_t size = 0;                       ///< how many bytes of an int have come
  std::int32_t begun = 0;                       ///< these bytes
  bool left_unread = false;                     ///< its channel has ended before it had received all
  bool broken = false;                          ///< it has sent what it may not
  NodeState node = {};                          ///< kNode
  // kNative:
  bool has_sent_memo = false;  ///< a datagram that it has not received may have a memo

  template <typename Self, typename Visit>
  static void visit_state(Self& self, Visit&& visit) {
    visit("wire", self.wire), visit("idle_value", self.idle_value), visit("ticket", self.ticket);
    visit("size", self.size), visit("begun", self.begun), visit("left_unread", self.left_unread);
    visit("broken", self.broken), visit("node", self.node), visit("has_sent_memo", self.has_sent_memo);
  }
};

struct WorkerProcessState {
  WorkerId id;
  WorkerId from;  ///< the template that forks it
  Carried channel = Carried::kNone, pidfd = Carried::kNone;
  std::int64_t pid = 0;
  bool listened_to = true;  ///< the loop watches its channel
  bool awaits_identity = false, violated = false, kill_sent = false;
  bool silent = false;     ///< its channel has brought nothing; earlier versions did not note it
  bool drain_due = false;  ///< it has to be told to leave; earlier versions tell it at once
  std::optional<action::SignalWorker::Signal> pending_signal;
  std::string start_error, note;
  OutputState output;  ///< no pipe: the output is not captured
  DialectState dialect;

  template <typename Self, typename Visit>
  static void visit_state(Self& self, Visit&& visit) {
    visit("id", self.id), visit("from", self.from), visit("channel", self.channel);
    visit("pidfd", self.pidfd), visit("pid", self.pid);
    visit("listened_to", self.listened_to), visit("awaits_identity", self.awaits_identity);
    visit("violated", self.violated), visit("kill_sent", self.kill_sent), visit("silent", self.silent);
    visit("drain_due", self.drain_due), visit("pending_signal", self.pending_signal);
    visit("start_error", self.start_error), visit("note", self.note);
    visit("output", self.output), visit("dialect", self.dialect);
  }
};

/// A fork request that has not been sent to its template yet.
struct ForkState {
  WorkerId worker, from;
  Carried channel = Carried::kNone;

  template <typename Self, typename Visit>
  static void visit_state(Self& self, Visit&& visit) {
    visit("worker", self.worker), visit("from", self.from), visit("channel", self.channel);
  }
};

/// What the workers and the template of one generation are started from, encoded as requests to the spawner.
struct LaunchState {
  Generation generation = 0;
  std::string worker, fork_template;

  template <typename Self, typename Visit>
  static void visit_state(Self& self, Visit&& visit) {
    visit("generation", self.generation), visit("worker", self.worker), visit("template", self.fork_template);
  }
};

}  // namespace prefork
