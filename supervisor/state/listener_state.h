// Listening sockets as plain values of the state of an upgrade in place: those of pools, of the control
// socket and of socket activation. Where they listen is not part of it: the configuration says that.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "supervisor/state/carried.h"

namespace prefork {

/// A listening socket of a pool.
struct ListenerState {
  Carried socket = Carried::kNone;
  std::uint64_t file = 0;  ///< inode of the unix socket's file that the supervisor removes; 0: none
  std::uint64_t accepted = 0;
  /// An accepted socket that waits for a descriptor number of the clients' range.
  Carried waiting = Carried::kNone;
  /// The listener's index in the configuration. Not set by earlier versions, which have one socket for each,
  /// in that order.
  std::optional<std::uint32_t> entry = {};
  std::optional<std::uint32_t> index = {};  ///< what workers are told; not set: the entry

  template <typename Self, typename Visit>
  static void visit_state(Self& self, Visit&& visit) {
    visit("socket", self.socket), visit("file", self.file), visit("accepted", self.accepted);
    visit("unmoved", self.waiting);  // the name earlier versions use
    visit("entry", self.entry), visit("index", self.index);
  }
};

/// The control socket, at the path that the configuration names or else at the default one.
struct ControlState {
  Carried socket = Carried::kNone;
  std::uint64_t file = 0;                ///< as in ListenerState
  std::uint64_t last_event = 0;          ///< number of the last event published
  std::vector<std::string> events = {};  ///< the last events, as lines, up to that one
  std::string default_path = {};         ///< empty: an earlier version, without a default

  template <typename Self, typename Visit>
  static void visit_state(Self& self, Visit&& visit) {
    visit("socket", self.socket), visit("file", self.file), visit("last_event", self.last_event);
    visit("events", self.events), visit("default_path", self.default_path);
  }
};

/// A listening socket that systemd passed at start.
struct ActivatedState {
  std::string name;
  Carried socket = Carried::kNone;

  template <typename Self, typename Visit>
  static void visit_state(Self& self, Visit&& visit) {
    visit("name", self.name), visit("socket", self.socket);
  }
};

}  // namespace prefork
