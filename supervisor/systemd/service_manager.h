// What systemd is told of the supervisor, and what it hands over at start: the notifications of
// Type=notify-reload, the watchdog, and the listening sockets of socket activation. Where the supervisor was
// not started by systemd all of it does nothing.
#pragma once

#include <string>
#include <vector>

#include "proto/fd.h"
#include "proto/result.h"
#include "supervisor/core/ids.h"
#include "supervisor/state/upgrade_state.h"

namespace prefork {

/// The listening sockets that were handed over at start, by the names of their FileDescriptorName=.
class ActivatedSockets {
 public:
  /// Takes them out of the environment: nobody who is started later takes them for his. To be called before
  /// anything is opened or started.
  [[nodiscard]] static ActivatedSockets take();

  // For an upgrade in place.
  [[nodiscard]] std::vector<ActivatedState> state() const;
  [[nodiscard]] static ActivatedSockets adopt(const std::vector<ActivatedState>& state);

  /// A copy of the socket; the original stays, so that who connects while nobody serves waits in its backlog.
  [[nodiscard]] Result<Fd> find(const std::string& name) const;

 private:
  struct Socket {
    std::string name;
    Fd descriptor;
  };
  std::vector<Socket> sockets_;
};

// Notifications; see sd_notify(3).
void notify_ready(const std::string& status);
void notify_reloading();
void notify_stopping();
void notify_status(const std::string& status);
void notify_alive();
/// Whether somebody listens to them.
[[nodiscard]] bool is_service();
/// How often notify_alive() must be called at least; zero: nobody waits for it.
[[nodiscard]] Duration watchdog_interval();

}  // namespace prefork
