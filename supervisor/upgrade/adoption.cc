#include "supervisor/upgrade/adoption.h"

#include <unistd.h>

#include <algorithm>
#include <set>
#include <utility>

#include "supervisor/core/pool.h"
#include "supervisor/listen/listener_set.h"
#include "supervisor/pool/pool_settings.h"

namespace prefork {
namespace {

/// What is missing so that each worker has its process and each connection its socket; empty: nothing.
std::string missing_part(const Pool& pool, const PoolState& state) {
  std::set<WorkerId> processes;
  for (const WorkerProcessState& worker : state.workers) processes.insert(worker.id);
  bool complete = processes.size() == pool.workers().size();
  std::set<Generation> generations;
  for (const LaunchState& launch : state.launches) generations.insert(launch.generation);
  bool launchable = generations.contains(pool.lifecycle().rollout().generation());
  pool.workers().for_each([&](const WorkerRow& row) {
    complete = complete && processes.contains(row.id);
    launchable = launchable && generations.contains(row.generation);
  });
  if (!complete) return "a worker has no process, or a process no worker";
  if (!launchable) return "a generation of workers is not known";
  const auto known = [&pool](const SocketState& socket) {
    return pool.connections().find(socket.ticket) != nullptr;
  };
  if (state.sockets.size() != pool.connections().size() ||
      !std::all_of(state.sockets.begin(), state.sockets.end(), known)) {
    return "a connection has no socket, or a socket no connection";
  }
  return "";
}

/// Whether each listener has a socket, and each socket a listener.
bool covers_listeners(const PoolState& state, std::size_t listeners) {
  std::set<std::size_t> entries;
  for (std::size_t i = 0; i < state.listeners.size(); ++i) entries.insert(entry_of(state.listeners[i], i));
  return entries.size() == listeners && (entries.empty() || *entries.rbegin() == listeners - 1);
}

Result<void> examine_pool(const PoolState& state, const Config& config, bool running) {
  const PoolConfig* found = find_pool(config, state.name);
  if (found == nullptr) return Error{"pool " + state.name + ": the configuration does not name it"};
  Pool pool(to_settings(*found, std::chrono::duration_cast<Milliseconds>(state.stop_timeout)), 0, Instant());
  std::string wrong = pool.restore(state.core);
  if (wrong.empty()) wrong = missing_part(pool, state);
  const bool listens = pool.phase() == Pool::Phase::kRunning;
  if (wrong.empty() && running && listens && !covers_listeners(state, found->listen.size()))
    wrong = "not as many listeners as the configuration names";
  if (!wrong.empty()) return Error{"pool " + state.name + ": " + wrong};
  return {};
}

Result<void> examine_pools(const PoolsState& state, const Config& config, bool running) {
  for (const PoolState& pool : state.pools) {
    if (auto fine = examine_pool(pool, config, running); !fine) return fine;
  }
  if (running && state.pools.size() != config.pools.size())
    return Error{"a pool of the configuration is missing"};
  return {};
}

Result<void> examine_descriptors(const SupervisorState& state) {
  const std::vector<int> all = descriptors_in(state);
  const std::set<int> different(all.begin(), all.end());
  if (different.size() == all.size() && (all.empty() || *different.begin() > STDERR_FILENO)) return {};
  return Error{"two things share a descriptor"};
}

}  // namespace

const PoolConfig* find_pool(const Config& config, const std::string& name) {
  const auto found = std::find_if(config.pools.begin(), config.pools.end(),
                                  [&name](const PoolConfig& pool) { return pool.name == name; });
  return found == config.pools.end() ? nullptr : &*found;
}

AdoptedConfigs configs_in(const SupervisorState& state, const CommandSearch& search) {
  AdoptedConfigs configs;
  const auto read = [&](const PoolsState& pools) {
    const TextInForce in_force{pools.config_text, pools.answers ? &*pools.answers : nullptr,
                               state.config_examined};
    ConfigInForce known = read_in_force(in_force, state.config_file, search);
    for (const ConfigProblem& mistake : known.mistakes) configs.mistakes.push_back(mistake.message());
    return std::move(known.config);
  };
  configs.running = read(state.running);
  for (const PoolsState& pools : state.leaving) configs.leaving.push_back(read(pools));
  return configs;
}

Result<void> examine_state(const SupervisorState& state, const AdoptedConfigs& configs) {
  if (!configs.mistakes.empty())
    return Error{"the configuration in force is refused: " + configs.mistakes.front()};
  if (auto fine = examine_descriptors(state); !fine) return fine;
  if (auto fine = examine_pools(state.running, configs.running, /*running=*/true); !fine) return fine;
  for (std::size_t i = 0; i < state.leaving.size(); ++i) {
    if (auto fine = examine_pools(state.leaving[i], configs.leaving[i], /*running=*/false); !fine)
      return fine;
  }
  return {};
}

}  // namespace prefork
