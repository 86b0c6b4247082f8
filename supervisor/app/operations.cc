// The part of Supervisor that the control socket asks for things.
#include <algorithm>
#include <utility>

#include "proto/joined.h"
#include "supervisor/app/supervisor.h"

namespace prefork {

Result<std::vector<PoolRunner*>> Supervisor::pools_named(const PoolName& name) const {
  if (stopping_) return Error{"the supervisor is stopping"};
  std::vector<PoolRunner*> found;
  std::vector<std::string> known;
  for (const auto& pool : pools_) {
    known.push_back(pool->config().name);
    if (!name || pool->config().name == *name) found.push_back(pool.get());
  }
  if (found.empty()) return Error{"there is no pool \"" + *name + "\"; there are " + joined(known)};
  return found;
}

namespace {

Operations::PoolNames names_of(const std::vector<PoolRunner*>& pools) {
  Operations::PoolNames names;
  for (const PoolRunner* pool : pools) names.push_back(pool->config().name);
  return names;
}

}  // namespace

Result<Operations::PoolNames> Supervisor::restart(const PoolName& pool) {
  const auto pools = pools_named(pool);
  if (!pools) return pools.error();
  for (PoolRunner* one : pools.value()) {
    log_.info("pool {}: restart requested, workers are replaced", one->config().name);
    one->restart();
  }
  return names_of(pools.value());
}

Result<Operations::PoolNames> Supervisor::reset_failed(const PoolName& pool) {
  const auto pools = pools_named(pool);
  if (!pools) return pools.error();
  for (PoolRunner* one : pools.value()) one->forget_failures();
  return names_of(pools.value());
}

Result<Operations::Scaled> Supervisor::scale(const PoolName& pool, std::size_t workers) {
  const auto pools = pools_named(pool);
  if (!pools) return pools.error();
  if (pools.value().size() > 1) return Error{"which pool? There are " + joined(names_of(pools.value()))};
  PoolRunner& one = *pools.value().front();
  if (workers > kMaxWorkers) {
    return Error{"a pool can have 0 to " + std::to_string(kMaxWorkers) + " workers, not " +
                 std::to_string(workers)};
  }
  const Scaled scaled{one.config().name, one.limit(), workers};
  if (auto room = fits(one, workers); workers > scaled.before && !room) return room.error();
  log_.info("pool {}: {} workers from now on, {} before", scaled.pool, workers, scaled.before);
  one.resize(workers);
  return scaled;
}

}  // namespace prefork
