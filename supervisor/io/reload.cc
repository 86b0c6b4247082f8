// The part of Supervisor that puts a configuration into force, at start and on SIGHUP: all of it or nothing.
#include <malloc.h>

#include <algorithm>
#include <utility>
#include <variant>

#include "config/changes.h"
#include "supervisor/io/supervisor.h"
#include "supervisor/io/surroundings.h"

namespace prefork {
namespace {

std::string describe(const PoolChanges& changes, const PoolConfig& pool) {
  std::string text;
  const auto add = [&text](const std::string& part) { text += (text.empty() ? "" : ", ") + part; };
  if (changes.size) add("workers " + std::to_string(pool.workers));
  if (changes.workers_replaced) add("workers are replaced");
  if (changes.listeners.any()) add("listeners");
  if (changes.policy) add("settings");
  return text.empty() ? "unchanged" : text;
}

}  // namespace

Result<void> Supervisor::start(const Config& config, Fd config_lock) {
  config_lock_ = std::move(config_lock);
  return apply(config);
}

void Supervisor::on_hup() {
  if (stopping_) return;
  auto loaded = load_config(options_.config_file, options_.search);
  if (const auto* problems = std::get_if<ConfigProblems>(&loaded)) {
    for (const ConfigProblem& problem : *problems) log_.error("{}", problem.message());
    log_.error("reload refused, nothing has changed: {} {} in {}", problems->size(),
               problems->size() == 1 ? "mistake" : "mistakes", options_.config_file);
  } else if (auto applied = apply(std::get<Config>(loaded)); !applied) {
    log_.error("reload refused, nothing has changed: {}", applied.error().message());
  } else {
    renew_lock();
  }
  // Parsing takes far more memory than the result.
  (void)::malloc_trim(0);
}

void Supervisor::renew_lock() {
  if (locks(config_lock_, options_.config_file)) return;
  // The file was replaced by another of the same name.
  if (auto lock = lock_config(options_.config_file)) {
    config_lock_ = std::move(lock).value();
  } else {
    log_.warn("{}", lock.error().message());
  }
}

ListenSocket* Supervisor::listening_at(const ListenAddress& address, const std::string& pool_name) {
  ListenSocket* elsewhere = nullptr;
  for (const auto& pool : pools_) {
    ListenSocket* socket = pool->listening_at(address);
    if (socket != nullptr && pool->config().name == pool_name) return socket;
    if (elsewhere == nullptr) elsewhere = socket;
  }
  return elsewhere;
}

Result<Supervisor::Sockets> Supervisor::open_sockets(const Config& config) {
  Sockets sockets;
  for (const PoolConfig& pool : config.pools) {
    sockets.emplace_back();
    for (const ListenAddress& address : pool.listen) {
      const ListenSocket* running = listening_at(address, pool.name);
      auto socket = running == nullptr ? ListenSocket::open(address) : running->share(address);
      if (!socket) return socket.error();
      sockets.back().push_back(std::move(socket).value());
    }
  }
  return sockets;
}

Result<void> Supervisor::apply(const Config& config) {
  if (auto fits = check_descriptor_budget(config, descriptor_limit()); !fits) return fits;
  auto sockets = open_sockets(config);
  if (!sockets) return sockets.error();
  // From here on nothing is refused any more. All listeners find their next owner before the first one is
  // closed.
  for (std::size_t i = 0; i < config.pools.size(); ++i) take_over(config.pools[i], sockets.value()[i]);
  std::vector<std::unique_ptr<PoolRunner>> pools;
  for (std::size_t i = 0; i < config.pools.size(); ++i) {
    pools.push_back(apply(config.pools[i], config.stop_timeout, std::move(sockets.value()[i])));
  }
  for (auto& removed : pools_) {
    if (!removed) continue;
    log_.info("pool {}: not in the configuration any more; stopping", removed->config().name);
    removed->stop(/*quick=*/false);
    leaving_.push_back(std::move(removed));
  }
  pools_ = std::move(pools);
  log_.set_level(config.log_level);
  return {};
}

void Supervisor::take_over(const PoolConfig& config, std::vector<ListenSocket>& sockets) {
  for (ListenSocket& socket : sockets) {
    ListenSocket* running = listening_at(socket.address(), config.name);
    if (running == nullptr) {
      log_.info("pool {}: listening on {}", config.name, socket.name());
    } else if (auto taken = socket.take_over(*running); !taken) {
      log_.error("{}", taken.error().message());
    }
  }
}

std::unique_ptr<PoolRunner> Supervisor::apply(const PoolConfig& config, Milliseconds stop_timeout,
                                              std::vector<ListenSocket> sockets) {
  const auto present = std::find_if(pools_.begin(), pools_.end(), [&](const auto& pool) {
    return pool != nullptr && pool->config().name == config.name;
  });
  if (present == pools_.end()) {
    return std::make_unique<PoolRunner>(surroundings(), config, stop_timeout, std::move(sockets));
  }
  const PoolChanges changes = compare((*present)->config(), config);
  log_.info("pool {}: reloaded, {}", config.name, describe(changes, config));
  (*present)->reconfigure(config, stop_timeout, std::move(sockets), changes.workers_replaced);
  return std::move(*present);
}

}  // namespace prefork
