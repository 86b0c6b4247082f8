// Opens the sockets that a configuration names, at the start and at each reload: shares the sockets that
// pools and the admin process listen on already, and opens the others. Changes nothing; Reloader puts the
// sockets into force.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "config/config.h"
#include "proto/result.h"
#include "supervisor/admin_process/admin_sockets.h"
#include "supervisor/app/pool_set.h"
#include "supervisor/listen/opened_socket.h"
#include "supervisor/loop/log.h"
#include "supervisor/systemd/activated_sockets.h"

namespace prefork {

class SocketOpener {
 public:
  struct Opened {
    std::vector<OpenedSockets> pools;  ///< in the order of the file
    OpenedSockets admin, agent;
  };

  SocketOpener(Log& log, const PoolSet& pools, const ActivatedSockets& activated, RunningAdmin admin = {})
      : log_(log), pools_(pools), activated_(activated), admin_(std::move(admin)) {}

  /// A socket that runs goes to its own pool if that still names it, else to the first one that does; so does
  /// one of the admin process. An error: one of them cannot be opened, and none is.
  [[nodiscard]] Result<Opened> open(const Config& config) const;
  /// A socket in the place of one whose file is gone. None: it cannot be opened, and the old one stays. The
  /// log says which. `what`: in front of the line, for a socket that is no listener of a pool.
  [[nodiscard]] static std::optional<ListenSocket> open_anew(const ListenAddress& address, Log& log,
                                                             std::string_view what = "");

 private:
  /// A socket to be opened.
  struct Wanted {
    ListenAddress address;
    ListenerIndex entry;
    ListenSocket* running = nullptr;
  };
  /// Of a pool, of `admin` or of `agent`.
  using WantedGroup = std::vector<Wanted>;

  /// The pools in the order of the file, then `admin`, then `agent`.
  [[nodiscard]] static std::vector<WantedGroup> wanted_by(const Config& config);
  /// The listeners that belong to each of them now.
  [[nodiscard]] std::vector<std::vector<ListenSocket*>> own_sockets(const Config& config) const;
  /// Those of all present pools and of the admin process.
  [[nodiscard]] std::vector<ListenSocket*> all_sockets() const;
  void find_running(const Config& config, std::vector<WantedGroup>& wanted) const;
  /// Leaves out the addresses of host names that the machine does not have, if it has another.
  void leave_out_missing(WantedGroup& wanted) const;
  [[nodiscard]] Result<OpenedSockets> open_group(WantedGroup wanted) const;
  /// The sockets of one listener, all at the same port.
  [[nodiscard]] Result<OpenedSockets> open_listener(const WantedGroup& wanted) const;
  [[nodiscard]] Result<OpenedSockets> try_port(const WantedGroup& wanted, std::uint16_t port) const;
  [[nodiscard]] Result<OpenedSocket> open_one(const Wanted& wanted, std::uint16_t port) const;
  /// The present sockets whose addresses overlap this one. The configuration names none of them any more.
  [[nodiscard]] std::vector<ListenSocket*> overlapping(const ListenAddress& address) const;
  [[nodiscard]] Result<ListenSocket> open_new(const ListenAddress& address, std::uint16_t port) const;

  Log& log_;
  const PoolSet& pools_;
  const ActivatedSockets& activated_;
  RunningAdmin admin_;
};

}  // namespace prefork
