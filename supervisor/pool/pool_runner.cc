#include "supervisor/pool/pool_runner.h"

#include <utility>
#include <variant>

#include "config/accept_check.h"
#include "config/program.h"
#include "supervisor/pool/pool_settings.h"
#include "supervisor/pool/pool_status.h"
#include "supervisor/system/clock.h"
#include "supervisor/system/socket.h"

namespace prefork {
namespace {

Error not_understood(const PoolConfig& config, const std::string& what, const std::string& wrong) {
  return Error{"pool " + config.name + ": " + what + wrong};
}

/// The worker is told of the listeners when it starts: their numbers must last.
ListenerSet::Numbering numbering(const PoolConfig& config) {
  return config.protocol.asks_for_addresses() ? ListenerSet::Numbering::kStable
                                              : ListenerSet::Numbering::kByConfiguration;
}

/// For the random part of delays, where it need not be unpredictable. A random device can be missing.
std::uint32_t seed_of_now() { return static_cast<std::uint32_t>(current_time().time_since_epoch().count()); }

}  // namespace

PoolRunner::PoolRunner(const SharedServices& shared, PoolConfig config, Milliseconds stop_timeout,
                       std::vector<ListenSocket> sockets)
    : PoolRunner(shared, std::move(config), stop_timeout, shared.spawner.next_key()) {
  listeners_.replace(std::move(sockets), numbering(config_));
  workers_.add_generation(pool_.lifecycle().rollout().generation(),
                          to_launches(config_, listeners_.targets()));
  pump_.tell(event::DeadlinePassed{});
}

PoolRunner::PoolRunner(const SharedServices& shared, PoolConfig config, Milliseconds stop_timeout,
                       std::uint64_t spawner_key)
    : shared_(shared),
      config_(std::move(config)),
      stop_timeout_(stop_timeout),
      pool_(to_settings(config_, stop_timeout), seed_of_now(), current_time()),
      rollout_(pool_.lifecycle().rollout().generation(), current_time()),
      pump_(shared.loop, pool_, static_cast<EventPump::Performer&>(*this)),
      clients_(shared.loop, pump_, shared.closer, static_cast<ClientSockets::Owner&>(*this)),
      listeners_(shared.loop, shared.log, shared.client_descriptors, static_cast<Listener::Owner&>(*this)),
      process_services_{shared.loop,     shared.log,      shared.spawner,         shared.oom,
                        shared.datagram, shared.children, shared.output,          shared.deaths,
                        shared.closer,   config_.name,    config_.output_line_max},
      reporter_(config_.name, shared.log, shared.events, {pool_.workers(), processes_}),
      workers_(shared, {pool_, process_services_, processes_, reporter_, pump_}, spawner_key),
      stop_timer_(shared.loop),
      before_sleep_(shared.loop) {
  configure_clients();
  before_sleep_.start(Callback::to<&PoolRunner::on_before_sleep>(*this));
}

void PoolRunner::configure_clients() {
  clients_.set_replies(config_.queue.reject_with, config_.crash_reply);
  const Protocol protocol = config_.protocol.name;
  clients_.set_close_is_the_end(protocol != Protocol::kNative && protocol != Protocol::kNode);
}

PoolRunner::Reload PoolRunner::effect_of(const PoolConfig& config, const std::vector<ListenSocket>& sockets,
                                         bool changed) const {
  const Rollout& rollout = pool_.lifecycle().rollout();
  const bool differs =
      rollout_.old_one_serves() || (rollout.trial() && changed);  // what serves, from config()
  if (differs && rollout.start() == config.start &&
      workers_.start_from(to_launches(config, listeners_.targets_after(sockets, numbering(config))),
                          rollout.generation())) {
    return changed ? Reload::kAlreadyRun : Reload::kStay;
  }
  if (changed) return Reload::kReplaced;
  return rollout_.old_one_serves() ? Reload::kTriedAgain : Reload::kStay;
}

void PoolRunner::reconfigure(PoolConfig config, Milliseconds stop_timeout, std::vector<ListenSocket> sockets,
                             Reload workers) {
  using Workers = event::SettingsChanged::Workers;
  config_ = std::move(config);
  stop_timeout_ = stop_timeout;
  configure_clients();
  rollout_.configured();
  const bool replace = workers == Reload::kReplaced || workers == Reload::kTriedAgain;
  if (replace) {
    workers_.add_generation(pool_.lifecycle().rollout().next_generation(),
                            to_launches(config_, listeners_.targets_after(sockets, numbering(config_))));
  }
  listeners_.replace(std::move(sockets), numbering(config_));
  const Workers kept = workers == Reload::kAlreadyRun ? Workers::kTrialEnds : Workers::kStay;
  pump_.tell(
      event::SettingsChanged{to_settings(config_, stop_timeout_), replace ? Workers::kReplaced : kept});
}

void PoolRunner::restart() {
  config_.pinned = pin_program(config_.executable, config_.directory);
  look_again_at_accept_program(config_);
  workers_.add_generation(pool_.lifecycle().rollout().next_generation(),
                          to_launches(config_, listeners_.targets()));
  PoolSettings settings = to_settings(config_, stop_timeout_);
  settings.workers = limit();  // a size that the operator has set stays
  pump_.tell(event::SettingsChanged{settings, event::SettingsChanged::Workers::kReplaced});
}

void PoolRunner::remove(std::string config_text) {
  removed_from_ = std::move(config_text);
  listeners_.replace({});
  // Until the listeners are drained the workers take connections, so they are not told to leave yet.
  if (!listeners_.draining()) return stop(/*quick=*/false);
  stop_timer_.start(Listener::kHandshake, Callback::to<&PoolRunner::on_stop_timer>(*this));
}

void PoolRunner::stop(bool quick) {
  stop_timer_.stop();
  // Connections in the backlog are established: they are served with the queued ones. While none can be
  // accepted, for want of descriptors or memory, the stop waits a little.
  const bool running = pool_.phase() == Pool::Phase::kRunning;
  if (!quick && running && !listeners_.drain_backlogs() && ++stop_attempts_ < Listener::kDrainAttempts)
    return stop_timer_.start(Listener::kHandshake, Callback::to<&PoolRunner::on_stop_timer>(*this));
  pump_.tell(event::StopRequested{quick});
}

void PoolRunner::process_stopped(pid_t pid, bool stopped) {
  if (const WorkerProcess* process = processes_.find_pid(pid))
    pump_.tell(event::WorkerStopped{process->id(), stopped});
}

void PoolRunner::look_for_stopped() {
  for (const WorkerId id : processes_.all_with([](const WorkerProcess&) { return true; })) {
    if (WorkerProcess* process = processes_.find(id)) process->look_for_stop();
  }
}

void PoolRunner::hear_introductions() {
  for (const WorkerId id :
       processes_.all_with([](const WorkerProcess& process) { return process.awaits_identity(); })) {
    if (WorkerProcess* process = processes_.find(id)) process->hear_introduction();
  }
}

void PoolRunner::accepted(Fd socket, ClientAddress client, ListenerIndex listener, bool proxied) {
  const bool may_wait = client == kNoAddress && may_hold_descriptors(socket);
  const Ticket ticket = clients_.add(std::move(socket), may_wait);
  if (ticket) pump_.tell(event::Accepted{ticket, listener, client, proxied});
}

void PoolRunner::perform(const Action& action) {
  std::visit(
      [this]<typename Specific>(const Specific& specific) {
        constexpr bool for_workers = requires { workers_.perform(specific); };
        constexpr bool for_clients = requires { clients_.perform(specific); };
        if constexpr (for_workers) workers_.perform(specific);
        if constexpr (for_clients) clients_.perform(specific);
        if constexpr (for_workers || for_clients) {
          return;
        } else if constexpr (std::is_same_v<Specific, action::SetAccepting>) {
          listeners_.set_accepting(specific.accepting);
        } else if constexpr (std::is_same_v<Specific, action::CloseListeners>) {
          listeners_.close();
        } else {
          if constexpr (std::is_same_v<Specific, action::ReportRollout>)
            rollout_.note(specific, processes_, current_time());
          if constexpr (std::is_same_v<Specific, action::Stopped>) stopped_cleanly_ = specific.clean();
          reporter_.report(specific);
        }
      },
      action);
}

void PoolRunner::on_before_sleep() {
  workers_.destroy_forgotten();
  listeners_.destroy_drained();
}

PoolState PoolRunner::state() {
  on_before_sleep();  // the state has nothing that is about to be destroyed
  PoolState state;
  state.name = config_.name;
  state.stop_timeout = stop_timeout_;
  state.stopped_cleanly = stopped_cleanly_;
  state.rollout_failed = rollout_.old_one_serves();
  state.rollout = rollout_.verdict();
  state.core = pool_.snapshot();
  state.listeners = listeners_.state();
  clients_.write_state(state);
  workers_.write_state(state);
  return state;
}

Result<void> PoolRunner::adopt(const PoolState& state) {
  if (const std::string wrong = pool_.restore(state.core); !wrong.empty())
    return not_understood(config_, "core.", wrong);
  if (const std::string wrong = clients_.adopt(state); !wrong.empty())
    return not_understood(config_, "tickets", wrong);
  stopped_cleanly_ = state.stopped_cleanly;
  rollout_.adopt(state.rollout, state.rollout_failed, pool_.lifecycle());
  listeners_.adopt(config_.listen, state.listeners);
  listeners_.set_accepting(pool_.accepting());
  workers_.adopt(state, to_launches(config_, listeners_.targets()));
  return {};
}

void PoolRunner::resume() {
  clients_.resume();
  workers_.resume();
  pump_.tell(event::DeadlinePassed{});
}

PoolStatus PoolRunner::status(bool workers) const {
  PoolStatus status = status_of(config_, pool_, listeners_.configured(), processes_, workers);
  status.rollout = rollout_.verdict();
  if (status.rollout.since) status.rollout_ago = current_time() - *status.rollout.since;
  if (rollout_.is_taken_back(pool_.lifecycle().rollout().generation()))
    status.rollout.text += "; the configuration was changed back since then";
  return status;
}

std::optional<WorkerStatusLine> PoolRunner::worker(std::uint64_t number) const {
  return worker_status(pool_, processes_, number);
}

PoolSummary PoolRunner::summary() const {
  PoolSummary summary = summary_of(config_, pool_);
  summary.rollout = rollout_.verdict().outcome;
  summary.failed_in_force = summary.rollout == RolloutOutcome::kFailed &&
                            !rollout_.is_taken_back(pool_.lifecycle().rollout().generation());
  return summary;
}

}  // namespace prefork
