// A socket that a configuration wants: opened, and not in force. SocketOpener makes it.
#pragma once

#include <vector>

#include "supervisor/listen/listen_socket.h"

namespace prefork {

struct OpenedSocket {
  ListenSocket socket;
  ListenSocket* running = nullptr;  ///< in force, which `socket` is shared with; null: it is new
};
using OpenedSockets = std::vector<OpenedSocket>;

}  // namespace prefork
