// The listening sockets that systemd passes at start (socket activation, sd_listen_fds(3)). A listener
// `systemd:NAME` of the configuration is one of them. There are none if systemd did not start the supervisor.
#pragma once

#include <string>
#include <vector>

#include "proto/fd.h"
#include "proto/result.h"
#include "supervisor/state/listener_state.h"

namespace prefork {

/// The sockets by their names: FileDescriptorName= of the .socket unit.
class ActivatedSockets {
 public:
  /// Takes the sockets and removes them from the environment, so that no process started later takes them for
  /// its own. To be called before anything is opened or started.
  [[nodiscard]] static ActivatedSockets take();

  // For an upgrade in place.
  [[nodiscard]] std::vector<ActivatedState> state() const;
  [[nodiscard]] static ActivatedSockets adopt(const std::vector<ActivatedState>& state);

  /// A copy of the socket. The original stays open: while no listener uses the socket, connections wait in
  /// its backlog.
  [[nodiscard]] Result<Fd> find(const std::string& name) const;

 private:
  struct Socket {
    std::string name;
    Fd descriptor;
  };
  std::vector<Socket> sockets_;
};

}  // namespace prefork
