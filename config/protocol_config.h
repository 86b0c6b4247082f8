// How workers get their connections: the key `protocol` and the keys that belong to one protocol only. Part
// of PoolConfig (config/config.h); docs/configuration.md explains the keys.
#pragma once

#include <csignal>
#include <cstdint>
#include <optional>

namespace prefork {

enum class Protocol {
  kNative,        ///< the program speaks docs/protocol.md
  kAccept,        ///< any server: a preloaded library speaks for it
  kAcceptNotify,  ///< any server: a process beside it speaks for it, and the kernel reports its calls
  kNode,          ///< a Node program: what Node speaks with the workers of its cluster, and a module
  kClassic,       ///< descriptors over a stream socket, an int for each that is done
};

/// When a program with the protocol accept gets its drain signal.
enum class DrainStart {
  kIdle,  ///< when it has no connection left
  kNow,   ///< at once: the signal makes it finish its connections
};

enum class DrainSignal : int {
  kTerminate = SIGTERM,
  kQuit = SIGQUIT,
  kInterrupt = SIGINT,
  kUser1 = SIGUSR1,
  kUser2 = SIGUSR2,
  kHangUp = SIGHUP,
  kWindow = SIGWINCH,
};

struct ProtocolConfig {
  Protocol name = Protocol::kNative;
  DrainStart drain = DrainStart::kIdle;                ///< kAccept
  DrainSignal drain_signal = DrainSignal::kTerminate;  ///< kAccept
  bool listen_fds = false;                             ///< kAccept: listeners as systemd passes them
  bool musl = false;  ///< kAccept: the program uses musl; the machine has answered it
  std::optional<std::int32_t> idle_value = {};  ///< kClassic: the int that means done; not set: any
  /// The program accepts at a socket of its own, and something else speaks for it.
  [[nodiscard]] bool accepts() const { return name == Protocol::kAccept || name == Protocol::kAcceptNotify; }
  /// The program names the address that it serves: its workers are told of the pool's when they start.
  [[nodiscard]] bool asks_for_addresses() const { return accepts() || name == Protocol::kNode; }
  bool operator==(const ProtocolConfig&) const = default;
};

}  // namespace prefork
