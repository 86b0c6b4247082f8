// A call on a client's socket that can wait: the kernel's lock of a socket is held while a process that has a
// copy sits in send(), and the last close() waits for SO_LINGER. The Closer has these calls made outside the
// loop.
#pragma once

#include <cstdint>
#include <string>

#include "supervisor/core/ids.h"
#include "supervisor/system/socket.h"

namespace prefork {

struct SocketJob {
  enum class What : std::uint8_t {
    kClose,    ///< owns the socket
    kCut,      ///< shut it down in both directions, then close it; owns the socket
    kInspect,  ///< what has passed through it since `progress`: `traffic`
    kDismiss,  ///< send `reply` if nothing was sent since `progress`, and shut it down in both directions
    kAnswer,   ///< send `reply`, and shut our direction down
    kDiscard,  ///< discard what has arrived: `ended`
    kLook,     ///< does it hold unread bytes: `unread`
    kMeasure,  ///< how far the connection has got: `progress`
    kName,     ///< the name of the client, into `reply`
    kPrepare,  ///< kLook and kMeasure; with `restore`, undo the options that a worker has set
  };

  What what = What::kClose;
  int socket = -1;
  std::uint64_t owner = 0;   ///< Closer::add(); 0: it is told to nothing
  std::uint64_t number = 0;  ///< for its owner
  Ticket ticket = {};
  WorkerId worker = {};  ///< the last that had the socket
  Progress progress = {};
  std::string reply = {};
  bool restore = false;
  bool unhurried = false;  ///< its result wakes nothing: Closer::take_unhurried()
  bool awaited = false;    ///< a client waits for the end of the connection that this is
  // Results
  Traffic traffic = {};
  bool ended = false;
  bool unread = false;
  bool late = false;  ///< it was reported as stuck before

  [[nodiscard]] bool closes() const { return what == What::kClose || what == What::kCut; }
  /// A client or the loop waits for what it does.
  [[nodiscard]] bool has_waiter() const { return what == What::kClose ? awaited : !unhurried; }
};

/// Makes the calls. Waits.
void run(SocketJob& job);

}  // namespace prefork
