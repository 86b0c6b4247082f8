#include "supervisor/app/pool_reach.h"

#include <unistd.h>

#include <algorithm>
#include <iterator>
#include <utility>

#include "config/reach.h"
#include "proto/result.h"
#include "supervisor/system/as_user.h"
#include "supervisor/system/worker_users.h"

namespace prefork {
namespace {

Result<std::vector<std::string>> faults_of(const Config& config, const PoolConfig& pool,
                                           const std::string& file, const std::string& libraries,
                                           AskForUser how) {
  const auto& identity = pool.process.identity;
  if (!identity || identity->uid == ::geteuid()) return start_faults(config, pool, file, libraries);
  if (how == AskForUser::kByModes || !can_change_user(0))
    return start_faults(config, pool, file, libraries, &*identity);
  return lines_as(*identity, [&] { return start_faults(config, pool, file, libraries); });
}

}  // namespace

PoolReach pool_reach(const Config& config, const std::string& file, const std::string& libraries,
                     AskForUser how) {
  PoolReach reach;
  for (const PoolConfig& pool : config.pools) {
    auto faults = faults_of(config, pool, file, libraries, how);
    if (faults) {
      std::vector<std::string> found = std::move(faults).value();
      std::move(found.begin(), found.end(), std::back_inserter(reach.mistakes));
    } else {
      reach.warnings.push_back(file + ": pool " + pool.name +
                               ": what its user reaches is not checked: " + faults.error().message());
    }
  }
  return reach;
}

}  // namespace prefork
