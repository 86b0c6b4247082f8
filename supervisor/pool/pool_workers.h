// The worker processes of one pool, its templates included: carries out the core's actions on workers, and
// sends connections to them. Knows what each generation is started from. Decides nothing. PoolRunner owns it.
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "proto/channel.h"
#include "proto/fd.h"
#include "supervisor/core/action.h"
#include "supervisor/core/pool.h"
#include "supervisor/loop/core_event_sink.h"
#include "supervisor/pool/fork_queue.h"
#include "supervisor/pool/launch_table.h"
#include "supervisor/pool/pool_reporter.h"
#include "supervisor/pool/shared_services.h"
#include "supervisor/pool/template_outputs.h"
#include "supervisor/state/pool_state.h"
#include "supervisor/workers/process_table.h"
#include "supervisor/workers/spawner_link.h"
#include "supervisor/workers/worker_process.h"

namespace prefork {

class PoolWorkers final : private WorkerProcess::Owner, private StartRequester, private ForkQueue::Owner {
 public:
  /// Other parts of the same pool. They outlive this one.
  struct Parts {
    const Pool& core;
    const WorkerProcess::Services& process_services;
    ProcessTable& processes;
    const PoolReporter& reporter;
    CoreEventSink& events;
  };

  PoolWorkers(const SharedServices& shared, const Parts& parts, std::uint64_t spawner_key);
  ~PoolWorkers() override;
  PoolWorkers(const PoolWorkers&) = delete;
  PoolWorkers& operator=(const PoolWorkers&) = delete;

  /// What the processes of this generation are started from.
  void add_generation(Generation generation, Launches launches);
  /// This generation, which is in use, is started from these.
  [[nodiscard]] bool start_from(const Launches& launches, Generation generation) const;

  // The core's actions.
  void perform(const action::StartWorker& action);
  void perform(const action::SendDrain& action);
  void perform(const action::SignalWorker& action);
  void perform(const action::SendPing& action);
  void perform(const action::SendYield& action);
  void perform(const action::Measure& action);
  void perform(const action::ForgetWorker& action);
  void perform(const action::ForgetGeneration& action) { launches_.forget(action.generation); }
  /// Sends the connection and its socket; our copy stays open. A failure is told as event::DispatchFailed.
  void send(const action::Dispatch& action, const Fd& socket);

  /// Destroys the processes of forgotten workers. Not inside a callback of a process.
  void destroy_forgotten();

  // For an upgrade in place.
  void write_state(PoolState& state) const;
  /// `configured`: what the configuration says now, see LaunchTable::adopt().
  void adopt(const PoolState& state, const Launches& configured);
  /// After adopt(): sends the forks that have not been sent.
  void resume() { forks_.send(); }

 private:
  // WorkerProcess::Owner
  void tell(const Event& event) override;
  void has_process(const WorkerProcess& worker) override { parts_.reporter.has_process(worker); }
  [[nodiscard]] bool is_serving(const WorkerProcess& worker) const override {
    const WorkerRow* row = parts_.core.workers().find(worker.id());
    return row != nullptr && row->load > 0;
  }
  // StartRequester
  void started(std::uint64_t worker, pid_t pid, Fd pidfd) override;
  void not_started(std::uint64_t worker, const LaunchReply& reply) override;
  void start_failed(std::uint64_t worker, const LaunchReply& reply) override;
  void started_otherwise(std::uint64_t worker, const LaunchReply& reply) override;
  // ForkQueue::Owner
  [[nodiscard]] SendStatus send_fork(WorkerId from, const Fd& channel) override;
  void fork_failed(WorkerId worker) override;

  /// Asks the spawner for the process of a worker that no template forks.
  void launch(const action::StartWorker& action, WorkerProcess& process, Fd channel);
  void set_start_error(WorkerProcess& process, const LaunchReply& reply) const;

  SharedServices shared_;
  Parts parts_;
  std::uint64_t spawner_key_;
  LaunchTable launches_;
  std::vector<std::unique_ptr<WorkerProcess>> forgotten_;  ///< may be in one of their callbacks
  TemplateOutputs outputs_;
  ForkQueue forks_;
  bool memory_is_hidden_ = false;  ///< has been logged
};

}  // namespace prefork
