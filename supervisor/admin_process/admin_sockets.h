// What one admin process has from the one before: the listening sockets, and the file of its history. The
// supervisor keeps them while the process is replaced, so that clients wait meanwhile. It accepts nothing on
// the sockets, and reads nothing of the file.
#pragma once

#include <string>
#include <vector>

#include "config/admin_config.h"
#include "proto/fd.h"
#include "proto/result.h"
#include "supervisor/listen/opened_socket.h"
#include "supervisor/loop/log.h"
#include "supervisor/state/admin_state.h"
#include "supervisor/system/client_descriptors.h"

namespace prefork {

/// Its listening sockets that are in force.
struct RunningAdmin {
  std::vector<ListenSocket*> admin, agent;
};

class AdminSockets {
 public:
  enum class Change {
    kNone,
    kOther,  ///< a socket has come or gone
    kGiven,  ///< a pool has got one of them; the process still has it
  };

  [[nodiscard]] RunningAdmin running();
  /// Puts these into force. Sockets that pools have taken over are theirs already.
  [[nodiscard]] Change use(OpenedSockets admin, OpenedSockets agent, Log& log);
  /// Makes the file of the history, if there is none.
  [[nodiscard]] Result<void> need_history(const ClientDescriptors& clients);
  void forget_history() { history_.reset(); }
  /// The line `listen`, which tells of all this.
  [[nodiscard]] std::string line(const std::vector<std::string>& hosts) const;
  /// Copies for the process: sockets of `admin`, of `agent`, the history; in an error none.
  [[nodiscard]] Result<std::vector<Fd>> copies() const;

  // The real addresses.
  [[nodiscard]] std::vector<std::string> admin() const { return names_of(admin_); }
  [[nodiscard]] std::vector<std::string> agent() const { return names_of(agent_); }

  // For an upgrade in place.
  void write_state(AdminState& state) const;
  void adopt(const AdminState& state, const AdminConfig& config);

 private:
  using Sockets = std::vector<ListenSocket>;

  [[nodiscard]] static std::vector<std::string> names_of(const Sockets& sockets);
  Sockets admin_, agent_;
  Fd history_;  ///< not valid: it could not be made
};

}  // namespace prefork
