// What can be asked of the running supervisor from outside. The control socket's methods call it; the
// supervisor implements it.
#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <vector>

#include "proto/result.h"
#include "supervisor/control/control_event.h"
#include "supervisor/control/status.h"

namespace prefork {

class Operations {
 public:
  /// A pool's name; nothing means all of them, or the only one where it must be one.
  using PoolName = std::optional<std::string>;
  using PoolNames = std::vector<std::string>;
  struct Scaled {
    std::string pool;
    std::size_t before = 0;
    std::size_t workers = 0;
  };

  virtual ~Operations() = default;
  [[nodiscard]] virtual SupervisorStatus status() const = 0;
  [[nodiscard]] virtual ReloadVerdict reload() = 0;
  /// Replaces the workers of pools by new ones, generation by generation. Which pools.
  [[nodiscard]] virtual Result<PoolNames> restart(const PoolName& pool) = 0;
  /// Another number of workers for one pool, until the next reload.
  [[nodiscard]] virtual Result<Scaled> scale(const PoolName& pool, std::size_t workers) = 0;
  /// Tries at once to start what has failed to start. Which pools.
  [[nodiscard]] virtual Result<PoolNames> reset_failed(const PoolName& pool) = 0;
  /// Begins an upgrade in place. When it succeeds all clients are left, and the next program answers them.
  [[nodiscard]] virtual Result<void> upgrade() = 0;
  /// Graceful unless `quick`; a quick one after another is harder each time.
  virtual void stop(bool quick) = 0;
};

}  // namespace prefork
