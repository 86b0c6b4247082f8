#include "supervisor/pool/pool_runner.h"

#include <random>
#include <utility>
#include <variant>

#include "supervisor/pool/pool_settings.h"
#include "supervisor/pool/pool_status.h"
#include "supervisor/system/clock.h"

namespace prefork {

PoolRunner::PoolRunner(const SharedServices& shared, PoolConfig config, Milliseconds stop_timeout,
                       std::vector<ListenSocket> sockets)
    : PoolRunner(shared, std::move(config), stop_timeout, shared.spawner.next_key()) {
  launches_.emplace(pool_.lifecycle().rollout().generation(), to_launches(config_));
  listeners_.replace(std::move(sockets));
  tell(event::DeadlinePassed{});
}

PoolRunner::PoolRunner(const SharedServices& shared, PoolConfig config, Milliseconds stop_timeout,
                       std::uint64_t spawner_key)
    : shared_(shared),
      config_(std::move(config)),
      stop_timeout_(stop_timeout),
      spawner_key_(shared.spawner.add(*this, spawner_key)),
      pool_(to_settings(config_, stop_timeout), std::random_device()(), current_time()),
      lobby_(shared.loop, *this),
      lingering_close_(shared.loop),
      listeners_(shared.loop, shared.log, shared.client_descriptors, *this),
      for_workers_{shared.loop, shared.log, shared.spawner, shared.oom, shared.datagram, config_.name},
      reporter_(config_.name, shared.log, shared.events, {pool_.workers(), processes_, sockets_}),
      fork_timer_(shared.loop),
      timer_(shared.loop),
      stop_timer_(shared.loop),
      before_sleep_(shared.loop) {
  before_sleep_.start(Callback::to<&PoolRunner::on_before_sleep>(*this));
}

PoolRunner::~PoolRunner() { shared_.spawner.remove(spawner_key_); }

void PoolRunner::reconfigure(PoolConfig config, Milliseconds stop_timeout, std::vector<ListenSocket> sockets,
                             bool replace_workers) {
  config_ = std::move(config);
  stop_timeout_ = stop_timeout;
  const bool replace = replace_workers || rollout_failed_;
  if (replace) launches_.emplace(pool_.lifecycle().rollout().next_generation(), to_launches(config_));
  listeners_.replace(std::move(sockets));
  tell(event::SettingsChanged{to_settings(config_, stop_timeout_), replace});
}

void PoolRunner::resize(std::size_t workers) { tell(event::Resized{workers}); }

void PoolRunner::restart() {
  launches_.emplace(pool_.lifecycle().rollout().next_generation(), to_launches(config_));
  PoolSettings settings = to_settings(config_, stop_timeout_);
  settings.workers = limit();  // what the operator has made of it stays
  tell(event::SettingsChanged{settings, true});
}

void PoolRunner::forget_failures() { tell(event::FailuresForgotten{}); }

void PoolRunner::remove(std::string config_text) {
  removed_from_ = std::move(config_text);
  listeners_.replace({});
  // Until the listeners are drained the workers take connections, so they are not told to leave yet.
  if (!listeners_.draining()) return stop(/*quick=*/false);
  stop_timer_.start(Listener::kHandshake, Callback::to<&PoolRunner::on_stop_timer>(*this));
}

void PoolRunner::stop(bool quick) {
  stop_timer_.stop();
  // Connections in the backlog are established: they are served with the queued ones.
  if (!quick && pool_.phase() == Pool::Phase::kRunning) listeners_.drain_backlogs();
  tell(event::StopRequested{quick});
}

void PoolRunner::tell(const Event& event) {
  events_.push_back(event);
  if (handling_) return;
  handling_ = true;
  const Instant now = current_time();
  // By index: carrying out an action may tell further events.
  // NOLINTNEXTLINE(modernize-loop-convert)
  for (std::size_t i = 0; i < events_.size(); ++i) {
    const Event next = events_[i];
    actions_.clear();
    pool_.handle(next, now, actions_);
    for (const Action& action : actions_) {
      std::visit([this](const auto& specific) { perform(specific); }, action);
    }
  }
  events_.clear();
  handling_ = false;
  arm_timer(now);
}

void PoolRunner::arm_timer(Instant now) {
  const auto deadline = pool_.next_deadline();
  if (!deadline) return;
  // One that is armed too early is cheaper than arming it anew with each connection: on_timer() looks again.
  if (timer_.active() && timer_at_ <= *deadline) return;
  timer_at_ = *deadline;
  timer_.start(*deadline - now, Callback::to<&PoolRunner::on_timer>(*this));
}

void PoolRunner::on_timer() {
  const Instant now = current_time();
  const auto deadline = pool_.next_deadline();
  if (deadline && *deadline <= now) {
    tell(event::DeadlinePassed{});
  } else {
    arm_timer(now);
  }
}

void PoolRunner::on_before_sleep() {
  forgotten_.clear();
  std::erase_if(outputs_, [](const auto& output) { return output->ended(); });
  listeners_.destroy_drained();
}

void PoolRunner::accepted(Fd socket, ClientAddress client, ListenerIndex listener) {
  const Ticket ticket = sockets_.add(std::move(socket));
  if (ticket) tell(event::Accepted{ticket, listener, client});
}

void PoolRunner::seen(Ticket ticket, event::ClientSign sign) {
  sockets_.watch(ticket) = SocketTable::Watch::kSpent;
  tell(event::ClientSeen{ticket, sign});
}

int PoolRunner::watched_socket(Ticket ticket) {
  return sockets_.knows(ticket) ? sockets_.at(ticket).get() : -1;
}

void PoolRunner::started(std::uint64_t worker, pid_t pid, Fd pidfd) {
  if (WorkerProcess* process = processes_.find(WorkerId{worker})) process->started(pid, std::move(pidfd));
}

void PoolRunner::not_started(std::uint64_t worker, const LaunchReply& reply) {
  WorkerProcess* process = processes_.find(WorkerId{worker});
  if (process == nullptr) return;
  set_start_error(*process, reply);
  process->not_started();
}

void PoolRunner::start_failed(std::uint64_t worker, const LaunchReply& reply) {
  if (WorkerProcess* process = processes_.find(WorkerId{worker})) set_start_error(*process, reply);
}

void PoolRunner::set_start_error(WorkerProcess& process, const LaunchReply& reply) const {
  const WorkerRow* row = pool_.workers().find(process.id());
  if (row == nullptr) return;
  process.set_start_error(describe_failure(reply, launches_.at(row->generation).of(row->role)));
}

void PoolRunner::process_stopped(pid_t pid, bool stopped) {
  if (const WorkerProcess* process = processes_.find_pid(pid))
    tell(event::WorkerStopped{process->id(), stopped});
}

void PoolRunner::perform(const action::ReportRollout& action) {
  rollout_failed_ = action.stage == action::ReportRollout::Stage::kFailed;
  reporter_.report(action);
}

void PoolRunner::perform(const action::Stopped& action) {
  stopped_cleanly_ = action.clean;
  reporter_.report(action);
}

PoolStatus PoolRunner::status() const {
  return status_of(config_, pool_, listeners_.configured(), processes_);
}

PoolSummary PoolRunner::summary() const { return summary_of(config_, pool_); }

}  // namespace prefork
