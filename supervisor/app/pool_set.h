// The pools of a supervisor: the pools that the configuration names ("present") and the pools that a reload
// has removed and that have not stopped yet ("leaving"). Creates, finds, removes and stops them. What a
// configuration changes in a pool is decided by Reloader; what an operator changes, by OperatorRequests.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "config/config.h"
#include "proto/result.h"
#include "supervisor/pool/pool_runner.h"
#include "supervisor/state/upgrade_state.h"
#include "supervisor/upgrade/adoption.h"

namespace prefork {

class PoolSet {
 public:
  using Pools = std::vector<std::unique_ptr<PoolRunner>>;

  /// `shared` goes to every pool. Its callback out_of_descriptors is set here.
  explicit PoolSet(const SharedServices& shared);
  PoolSet(const PoolSet&) = delete;
  PoolSet& operator=(const PoolSet&) = delete;

  /// Creates a pool of a name that is not present, and starts it. `sockets` as `config` lists them.
  PoolRunner& add(const PoolConfig& config, Milliseconds stop_timeout, std::vector<ListenSocket> sockets);
  /// A reload has removed the pool from the configuration with this text: it becomes a leaving pool, which
  /// drains and stops.
  void remove(PoolRunner& pool, const std::string& config_text);
  /// Puts the present pools in the order of the configuration, which names all of them.
  void order_as(const std::vector<PoolConfig>& configs);
  /// All pools will be stopped. From now on no request for a pool is accepted, see named(); the pools go on.
  void announce_stop() { stopping_ = true; }
  void stop(bool quick);
  /// A stop was announced.
  [[nodiscard]] bool stopping() const { return stopping_; }
  /// Destroys the leaving pools that have finished; the present ones too, when stopping. Not inside a
  /// callback of a pool.
  void collect_finished();
  /// No pool that was collected has cut a connection when it stopped.
  [[nodiscard]] bool stopped_cleanly() const { return stopped_cleanly_; }

  [[nodiscard]] const Pools& present() const { return present_; }
  [[nodiscard]] const Pools& leaving() const { return leaving_; }
  template <typename Visit>
  void for_each(const Visit& visit) const {
    for (const auto& pool : present_) visit(*pool);
    for (const auto& pool : leaving_) visit(*pool);
  }
  /// The present pool of this name; null: there is none.
  [[nodiscard]] PoolRunner* find(const std::string& name) const;
  /// The present pools that a request means: the one of this name, or all of them. Never empty; an error when
  /// no pool has the name, or when stopping.
  [[nodiscard]] Result<std::vector<PoolRunner*>> named(const std::optional<std::string>& name) const;

  // For an upgrade in place. write_state() not inside a callback of a pool.
  void write_state(SupervisorState& state) const;
  /// Goes on with the pools of `state`. They do nothing before they are told to resume(). A pool whose state
  /// does not fit starts anew with its listeners: its connections end, and its workers leave when they have
  /// finished theirs.
  void adopt(const SupervisorState& state, const AdoptedConfigs& configs);

 private:
  /// Every client descriptor is in use: each pool closes parked connections.
  void evict_parked();
  [[nodiscard]] Result<std::unique_ptr<PoolRunner>> adopt_pool(const PoolState& state, const Config& config);
  void start_anew(const PoolState& state, const Config& config);

  SharedServices shared_;
  Pools present_;  ///< in the order of the configuration
  Pools leaving_;
  bool stopping_ = false;
  bool stopped_cleanly_ = true;
};

}  // namespace prefork
