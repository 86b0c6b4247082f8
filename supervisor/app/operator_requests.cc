#include "supervisor/app/operator_requests.h"

#include <string>
#include <vector>

#include "config/max_workers.h"
#include "proto/counted.h"
#include "proto/joined.h"
#include "supervisor/app/descriptor_budget.h"
#include "supervisor/control/describe.h"
#include "supervisor/system/descriptor_limits.h"

namespace prefork {
namespace {

Operations::PoolNames names_of(const std::vector<PoolRunner*>& pools) {
  Operations::PoolNames names;
  for (const PoolRunner* pool : pools) names.push_back(pool->config().name);
  return names;
}

}  // namespace

Error OperatorRequests::refused(const char* request, Error why) const {
  log_.warn("{} refused: {}", request, why.message());
  return why;
}

Result<Operations::Restarted> OperatorRequests::restart(const Operations::PoolName& pool) {
  const auto pools = pools_.named(pool);
  if (!pools) return refused("restart", pools.error());
  Operations::Restarted restarted{names_of(pools.value()), {}};
  for (PoolRunner* one : pools.value()) {
    const std::string& name = one->config().name;
    const bool again = one->summary().failed_in_force;
    if (again) restarted.tried_again.push_back(name);
    log_.info("{}: restart requested, {}", LogSubject{.pool = name}, describe_restart(again));
    one->restart();
  }
  return restarted;
}

Result<Operations::PoolNames> OperatorRequests::reset_failed(const Operations::PoolName& pool) {
  const auto pools = pools_.named(pool);
  if (!pools) return refused("reset-failed", pools.error());
  for (PoolRunner* one : pools.value()) {
    log_.info("{}: failures are forgotten, missing workers start at once",
              LogSubject{.pool = one->config().name});
    one->forget_failures();
  }
  return names_of(pools.value());
}

Result<Operations::Scaled> OperatorRequests::scale(const Operations::PoolName& pool, std::size_t workers) {
  const auto pools = pools_.named(pool);
  if (!pools) return refused("scale", pools.error());
  if (pools.value().size() > 1)
    return refused("scale", Error{"which pool? There are " + joined(names_of(pools.value()))});
  PoolRunner& one = *pools.value().front();
  if (workers > kMaxWorkers) {
    return refused("scale", Error{"a pool can have 0 to " + std::to_string(kMaxWorkers) + " workers, not " +
                                  std::to_string(workers)});
  }
  if (auto room = fits(one, workers); workers > one.limit() && !room) return refused("scale", room.error());
  return resize(one, workers);
}

void OperatorRequests::resize_by(int change) {
  if (pools_.stopping()) return;
  for (const auto& pool : pools_.present()) {
    const std::size_t present = pool->limit();
    const LogSubject about{.pool = pool->config().name};
    if ((change < 0 && present == 0) || (change > 0 && present == kMaxWorkers)) {
      log_.warn("{}: stays at {}; allowed are 0 to {}", about, counted(present, "worker"), kMaxWorkers);
      continue;
    }
    const std::size_t wanted = change < 0 ? present - 1 : present + 1;
    if (auto room = fits(*pool, wanted); change > 0 && !room) {
      log_.warn("{}: stays at {}: {}", about, counted(present, "worker"), room.error().message());
      continue;
    }
    (void)resize(*pool, wanted);  // a signal has no answer
  }
}

Operations::Scaled OperatorRequests::resize(PoolRunner& pool, std::size_t workers) {
  const Operations::Scaled scaled{pool.config().name, pool.limit(), workers,
                                  pool.config().elastic.has_value()};
  log_.info("{}: {}", LogSubject{.pool = scaled.pool}, describe(scaled));
  pool.resize(workers);
  return scaled;
}

Result<void> OperatorRequests::fits(const PoolRunner& changed, std::size_t workers) const {
  Config config;
  config.control = control_.path();
  config.admin = admin_.config();
  for (const auto& pool : pools_.present()) {
    config.pools.push_back(pool->config());
    config.pools.back().workers = static_cast<unsigned>(pool.get() == &changed ? workers : pool->limit());
  }
  return check_descriptor_budget(config, descriptor_limit(), clients_.unreadable_from());
}

}  // namespace prefork
