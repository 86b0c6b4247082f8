#include "supervisor/app/operator_requests.h"

#include <string>
#include <vector>

#include "config/max_workers.h"
#include "proto/joined.h"
#include "supervisor/app/descriptor_budget.h"
#include "supervisor/system/descriptor_limits.h"

namespace prefork {
namespace {

Operations::PoolNames names_of(const std::vector<PoolRunner*>& pools) {
  Operations::PoolNames names;
  for (const PoolRunner* pool : pools) names.push_back(pool->config().name);
  return names;
}

}  // namespace

Result<Operations::PoolNames> OperatorRequests::restart(const Operations::PoolName& pool) {
  const auto pools = pools_.named(pool);
  if (!pools) return pools.error();
  for (PoolRunner* one : pools.value()) {
    log_.info("pool {}: restart requested, workers are replaced", one->config().name);
    one->restart();
  }
  return names_of(pools.value());
}

Result<Operations::PoolNames> OperatorRequests::reset_failed(const Operations::PoolName& pool) {
  const auto pools = pools_.named(pool);
  if (!pools) return pools.error();
  for (PoolRunner* one : pools.value()) one->forget_failures();
  return names_of(pools.value());
}

Result<Operations::Scaled> OperatorRequests::scale(const Operations::PoolName& pool, std::size_t workers) {
  const auto pools = pools_.named(pool);
  if (!pools) return pools.error();
  if (pools.value().size() > 1) return Error{"which pool? There are " + joined(names_of(pools.value()))};
  PoolRunner& one = *pools.value().front();
  if (workers > kMaxWorkers) {
    return Error{"a pool can have 0 to " + std::to_string(kMaxWorkers) + " workers, not " +
                 std::to_string(workers)};
  }
  const Operations::Scaled scaled{one.config().name, one.limit(), workers};
  if (auto room = fits(one, workers); workers > scaled.before && !room) return room.error();
  log_.info("pool {}: {} workers from now on, {} before", scaled.pool, workers, scaled.before);
  one.resize(workers);
  return scaled;
}

void OperatorRequests::resize_by(int change) {
  if (pools_.stopping()) return;
  for (const auto& pool : pools_.present()) {
    const std::size_t present = pool->limit();
    if ((change < 0 && present == 0) || (change > 0 && present == kMaxWorkers)) {
      log_.warn("pool {}: stays at {} workers; allowed are 0 to {}", pool->config().name, present,
                kMaxWorkers);
      continue;
    }
    const std::size_t wanted = change < 0 ? present - 1 : present + 1;
    if (auto room = fits(*pool, wanted); change > 0 && !room) {
      log_.warn("pool {}: stays at {} workers: {}", pool->config().name, present, room.error().message());
      continue;
    }
    log_.info("pool {}: {} workers from now on, {} before", pool->config().name, wanted, present);
    pool->resize(wanted);
  }
}

Result<void> OperatorRequests::fits(const PoolRunner& changed, std::size_t workers) const {
  Config config;
  config.control = control_.path();
  for (const auto& pool : pools_.present()) {
    config.pools.push_back(pool->config());
    config.pools.back().workers = static_cast<unsigned>(pool.get() == &changed ? workers : pool->limit());
  }
  return check_descriptor_budget(config, descriptor_limit(), clients_.unreadable_from());
}

}  // namespace prefork
