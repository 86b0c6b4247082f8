// What an operator asks of running pools, through the control socket or a signal: restart, another number of
// workers, another attempt to start. In force until the next reload. A number that needs more descriptors
// than there are is refused.
#pragma once

#include <cstddef>

#include "proto/result.h"
#include "supervisor/admin_process/admin_process.h"
#include "supervisor/app/pool_set.h"
#include "supervisor/control/operations.h"
#include "supervisor/control_server/control_socket.h"
#include "supervisor/loop/log.h"
#include "supervisor/system/client_descriptors.h"

namespace prefork {

class OperatorRequests {
 public:
  OperatorRequests(Log& log, PoolSet& pools, const ControlSocket& control, const AdminProcess& admin,
                   const ClientDescriptors& clients)
      : log_(log), pools_(pools), control_(control), admin_(admin), clients_(clients) {}

  // As in Operations
  [[nodiscard]] Result<Operations::Restarted> restart(const Operations::PoolName& pool);
  [[nodiscard]] Result<Operations::Scaled> scale(const Operations::PoolName& pool, std::size_t workers);
  [[nodiscard]] Result<Operations::PoolNames> reset_failed(const Operations::PoolName& pool);
  /// SIGTTIN and SIGTTOU: `change` is 1 or -1, for each pool. What is not possible is logged.
  void resize_by(int change);

 private:
  /// Logs why a request was refused; returns it.
  [[nodiscard]] Error refused(const char* request, Error why) const;
  Operations::Scaled resize(PoolRunner& pool, std::size_t workers);
  /// Whether the descriptors suffice when `changed` has so many workers.
  [[nodiscard]] Result<void> fits(const PoolRunner& changed, std::size_t workers) const;

  Log& log_;
  PoolSet& pools_;
  const ControlSocket& control_;
  const AdminProcess& admin_;
  const ClientDescriptors& clients_;
};

}  // namespace prefork
