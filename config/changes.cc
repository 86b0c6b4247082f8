#include "config/changes.h"

#include <algorithm>
#include <utility>

#include "config/listen_address.h"

namespace prefork {
namespace {

/// Takes the first match out: two listeners with port 0 are two listeners.
template <typename Matches>
bool take(std::vector<ListenAddress>& from, const Matches& matches) {
  const auto match = std::find_if(from.begin(), from.end(), matches);
  if (match == from.end()) return false;
  from.erase(match);
  return true;
}

ListenerChanges compare_listeners(const std::vector<ListenAddress>& before,
                                  const std::vector<ListenAddress>& after) {
  ListenerChanges changes;
  changes.removed = before;
  std::vector<const ListenAddress*> others;
  for (const ListenAddress& address : after) {
    const bool equal = take(changes.removed, [&](const auto& old) { return old == address; });
    if (equal) {
      changes.kept.push_back(address);
    } else {
      others.push_back(&address);
    }
  }
  for (const ListenAddress* address : others) {
    const bool there = take(changes.removed, [&](const auto& old) { return same_place(old, *address); });
    (there ? changes.changed : changes.added).push_back(*address);
  }
  return changes;
}

const PoolConfig* find_pool(const Config& config, const std::string& name) {
  const auto found = std::find_if(config.pools.begin(), config.pools.end(),
                                  [&](const PoolConfig& pool) { return pool.name == name; });
  return found == config.pools.end() ? nullptr : &*found;
}

}  // namespace

PoolChanges compare(const PoolConfig& old_pool, const PoolConfig& new_pool) {
  PoolChanges changes;
  changes.workers_replaced =
      old_pool.command != new_pool.command || old_pool.executable != new_pool.executable ||
      old_pool.start != new_pool.start || old_pool.directory != new_pool.directory ||
      old_pool.environment != new_pool.environment || old_pool.scheduling != new_pool.scheduling ||
      old_pool.surroundings != new_pool.surroundings || old_pool.output != new_pool.output ||
      old_pool.connections_per_worker != new_pool.connections_per_worker;
  changes.size = old_pool.workers != new_pool.workers || old_pool.elastic != new_pool.elastic;
  changes.policy = old_pool.prefer != new_pool.prefer || old_pool.hold != new_pool.hold ||
                   old_pool.connections_per_address != new_pool.connections_per_address ||
                   old_pool.wait_for_data != new_pool.wait_for_data ||
                   old_pool.first_byte_timeout != new_pool.first_byte_timeout ||
                   old_pool.keep_alive != new_pool.keep_alive || old_pool.queue != new_pool.queue ||
                   old_pool.health != new_pool.health || old_pool.restart != new_pool.restart ||
                   old_pool.recycle != new_pool.recycle || old_pool.probation != new_pool.probation ||
                   old_pool.crash_reply != new_pool.crash_reply;
  changes.listeners = compare_listeners(old_pool.listen, new_pool.listen);
  return changes;
}

ConfigChanges compare(const Config& old_config, const Config& new_config) {
  ConfigChanges changes;
  for (const PoolConfig& pool : new_config.pools) {
    if (const PoolConfig* before = find_pool(old_config, pool.name)) {
      changes.kept.push_back({pool.name, compare(*before, pool)});
    } else {
      changes.added.push_back(pool.name);
    }
  }
  for (const PoolConfig& pool : old_config.pools) {
    if (find_pool(new_config, pool.name) == nullptr) changes.removed.push_back(pool.name);
  }
  changes.log_level = old_config.log_level != new_config.log_level;
  changes.stop_timeout = old_config.stop_timeout != new_config.stop_timeout;
  changes.control = old_config.control != new_config.control;
  return changes;
}

bool ConfigChanges::any() const {
  const bool pools =
      std::any_of(kept.begin(), kept.end(), [](const Kept& pool) { return pool.changes.any(); });
  return pools || !added.empty() || !removed.empty() || log_level || stop_timeout || control;
}

}  // namespace prefork
