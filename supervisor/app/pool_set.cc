#include "supervisor/app/pool_set.h"

#include <algorithm>
#include <chrono>
#include <set>
#include <utility>

#include "proto/joined.h"

namespace prefork {

PoolSet::PoolSet(const SharedServices& shared) : shared_(shared) {
  shared_.out_of_descriptors = Callback::to<&PoolSet::evict_parked>(*this);
}

PoolRunner& PoolSet::add(const PoolConfig& config, Milliseconds stop_timeout,
                         std::vector<ListenSocket> sockets) {
  present_.push_back(std::make_unique<PoolRunner>(shared_, config, stop_timeout, std::move(sockets)));
  return *present_.back();
}

void PoolSet::remove(PoolRunner& pool, const std::string& config_text) {
  const auto place =
      std::find_if(present_.begin(), present_.end(), [&](const auto& one) { return one.get() == &pool; });
  leaving_.push_back(std::move(*place));
  present_.erase(place);
  pool.remove(config_text);
}

void PoolSet::order_as(const std::vector<PoolConfig>& configs) {
  const auto place_of = [&configs](const auto& pool) {
    return std::find_if(configs.begin(), configs.end(),
                        [&](const PoolConfig& config) { return config.name == pool->config().name; });
  };
  std::sort(present_.begin(), present_.end(),
            [&](const auto& one, const auto& other) { return place_of(one) < place_of(other); });
}

void PoolSet::stop(bool quick) {
  announce_stop();
  for_each([quick](PoolRunner& pool) { pool.stop(quick); });
}

void PoolSet::collect_finished() {
  const auto collect = [this](Pools& pools) {
    std::erase_if(pools, [this](const auto& pool) {
      if (!pool->finished()) return false;
      stopped_cleanly_ = stopped_cleanly_ && pool->stopped_cleanly();
      return true;
    });
  };
  collect(leaving_);
  if (stopping_) collect(present_);
}

PoolRunner* PoolSet::find(const std::string& name) const {
  const auto found = std::find_if(present_.begin(), present_.end(),
                                  [&name](const auto& pool) { return pool->config().name == name; });
  return found == present_.end() ? nullptr : found->get();
}

Result<std::vector<PoolRunner*>> PoolSet::named(const std::optional<std::string>& name) const {
  if (stopping_) return Error{"the supervisor is stopping"};
  std::vector<PoolRunner*> found;
  std::vector<std::string> known;
  for (const auto& pool : present_) {
    known.push_back(pool->config().name);
    if (!name || pool->config().name == *name) found.push_back(pool.get());
  }
  if (found.empty()) {
    return Error{"there is no pool \"" + name.value_or("") + "\"; " +
                 (known.size() == 1 ? "the only one is " : "there are ") + joined(known)};
  }
  return found;
}

void PoolSet::evict_parked() {
  for_each([](PoolRunner& pool) { pool.free_descriptors(); });
}

void PoolSet::write_state(SupervisorState& state) const {
  if (!state.running.answers) state.running.answers.emplace();
  for (const auto& pool : present_) {
    state.running.answers->pools.push_back(answers_in(pool->config()));
    state.running.pools.push_back(pool->state());
  }
  for (const auto& pool : leaving_) {
    state.leaving.push_back(
        {pool->removed_from(), MachineAnswers{{}, {answers_in(pool->config())}}, {pool->state()}});
  }
}

void PoolSet::adopt(const SupervisorState& state, const AdoptedConfigs& configs) {
  for (const PoolState& pool : state.running.pools) {
    if (auto adopted = adopt_pool(pool, configs.running)) {
      present_.push_back(std::move(adopted).value());
    } else {
      shared_.log.error("{}; the pool starts anew, its connections end", adopted.error().message());
      start_anew(pool, configs.running);
    }
  }
  for (std::size_t i = 0; i < state.leaving.size(); ++i) {
    for (const PoolState& pool : state.leaving[i].pools) {
      if (auto adopted = adopt_pool(pool, configs.leaving[i])) {
        leaving_.push_back(std::move(adopted).value());
        leaving_.back()->set_removed_from(state.leaving[i].config_text);
      } else {
        shared_.log.error("{}; the pool was leaving, its connections end", adopted.error().message());
        for (const int descriptor : descriptors_in(pool)) Fd(descriptor).reset();
      }
    }
  }
}

void PoolSet::start_anew(const PoolState& state, const Config& config) {
  const PoolConfig* found = find_pool(config, state.name);
  std::vector<ListenSocket> sockets;
  std::set<int> kept;
  for (std::size_t i = 0; found != nullptr && i < state.listeners.size(); ++i) {
    auto socket = adopt_socket(found->listen, state.listeners[i], i);
    if (!socket) continue;
    kept.insert(socket->descriptor());
    sockets.push_back(std::move(*socket));
  }
  // The workers see the end of their channels.
  for (const int descriptor : descriptors_in(state)) {
    if (!kept.contains(descriptor)) Fd(descriptor).reset();
  }
  if (found != nullptr)
    add(*found, std::chrono::duration_cast<Milliseconds>(state.stop_timeout), std::move(sockets));
}

Result<std::unique_ptr<PoolRunner>> PoolSet::adopt_pool(const PoolState& state, const Config& config) {
  const PoolConfig* found = find_pool(config, state.name);
  if (found == nullptr) return Error{"pool " + state.name + ": the configuration does not name it"};
  auto pool = std::make_unique<PoolRunner>(
      shared_, *found, std::chrono::duration_cast<Milliseconds>(state.stop_timeout), state.spawner_key);
  if (auto adopted = pool->adopt(state); !adopted) return adopted.error();
  return pool;
}

}  // namespace prefork
