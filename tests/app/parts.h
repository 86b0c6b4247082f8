// The parts of a supervisor around a class of supervisor/app, without a running spawner: a request for a
// worker waits without end.
#pragma once

#include <string>
#include <utility>
#include <vector>

#include "supervisor/admin_process/admin_process.h"
#include "supervisor/app/pool_set.h"
#include "supervisor/control/operations.h"
#include "supervisor/control_server/control_socket.h"

namespace prefork::test {

/// The control socket has no clients here, so it never asks for anything.
class NoOperations : public Operations {
 public:
  [[nodiscard]] SupervisorStatus status(bool /*workers*/) const override { return {}; }
  [[nodiscard]] Result<WorkerStatusLine> worker(const std::string& /*pool*/,
                                                std::uint64_t /*number*/) const override {
    return WorkerStatusLine();
  }
  [[nodiscard]] Result<std::uint64_t> reload() override { return std::uint64_t{0}; }
  [[nodiscard]] Result<Restarted> restart(const PoolName& /*pool*/) override { return Restarted{}; }
  [[nodiscard]] Result<Scaled> scale(const PoolName& /*pool*/, std::size_t /*workers*/) override {
    return Scaled{};
  }
  [[nodiscard]] Result<PoolNames> reset_failed(const PoolName& /*pool*/) override { return PoolNames{}; }
  [[nodiscard]] Result<void> upgrade() override { return {}; }
  void stop(bool /*quick*/) override {}
};

struct Parts {
  Loop loop;
  Log log{2};
  Datagram datagram;
  Closer closer{loop, log};
  ClientDescriptors clients;
  SpawnerLink spawner{loop, log, clients, SpawnerProcess{}, rlimit{}};
  OomCounter oom{""};
  ChildTable children;
  SharedTurns output{loop};
  SharedTurns deaths{loop};
  NoOperations operations;
  ControlSocket control{loop, log, operations};
  AdminProcess admin{{loop, log, spawner, control, clients, children, output, 1024, "/missing"}};
  PoolSet pools{
      {loop, log, spawner, clients, datagram, control, oom, children, output, deaths, closer, Callback()}};
};

/// A pool without workers.
[[nodiscard]] inline PoolConfig empty_pool(std::string name) {
  PoolConfig config;
  config.name = std::move(name);
  config.command = {"/bin/true"};
  config.executable = "/bin/true";
  config.workers = 0;
  return config;
}

}  // namespace prefork::test
