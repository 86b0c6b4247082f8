// Opens the sockets that a configuration names, at the start and at each reload: shares the sockets that
// pools listen on already, and opens the others. Changes no pool; Reloader puts the sockets into force.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "config/config.h"
#include "proto/result.h"
#include "supervisor/app/pool_set.h"
#include "supervisor/listen/listen_socket.h"
#include "supervisor/loop/log.h"
#include "supervisor/systemd/activated_sockets.h"

namespace prefork {

class SocketOpener {
 public:
  struct Opened {
    ListenSocket socket;
    ListenSocket* running = nullptr;  ///< a present pool's, which `socket` is shared with; null: it is new
  };
  using PoolSockets = std::vector<Opened>;

  SocketOpener(Log& log, const PoolSet& pools, const ActivatedSockets& activated)
      : log_(log), pools_(pools), activated_(activated) {}

  /// The sockets of each pool, in the order of the file. A socket that runs goes to its own pool if that
  /// still names it, else to the first pool that does. An error: one of them cannot be opened, and none is.
  [[nodiscard]] Result<std::vector<PoolSockets>> open(const Config& config) const;
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
  using WantedPool = std::vector<Wanted>;

  [[nodiscard]] static std::vector<WantedPool> wanted_by(const Config& config);
  void find_running(const Config& config, std::vector<WantedPool>& wanted) const;
  /// Leaves out the addresses of host names that the machine does not have, if it has another.
  void leave_out_missing(WantedPool& wanted) const;
  /// The sockets of one listener, all at the same port.
  [[nodiscard]] Result<PoolSockets> open_listener(const WantedPool& wanted) const;
  [[nodiscard]] Result<PoolSockets> try_port(const WantedPool& wanted, std::uint16_t port) const;
  [[nodiscard]] Result<Opened> open_one(const Wanted& wanted, std::uint16_t port) const;
  /// The present listeners whose addresses overlap this one. The configuration names none of them any more.
  [[nodiscard]] std::vector<ListenSocket*> overlapping(const ListenAddress& address) const;
  [[nodiscard]] Result<ListenSocket> open_new(const ListenAddress& address, std::uint16_t port) const;

  Log& log_;
  const PoolSet& pools_;
  const ActivatedSockets& activated_;
};

}  // namespace prefork
