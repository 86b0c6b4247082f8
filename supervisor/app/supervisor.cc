#include "supervisor/app/supervisor.h"

#include <malloc.h>
#include <unistd.h>

#include <algorithm>
#include <csignal>
#include <utility>

#include "supervisor/app/confinement.h"
#include "supervisor/control/describe.h"
#include "supervisor/loop/log_sink.h"
#include "supervisor/system/admin_program.h"
#include "supervisor/system/clock.h"
#include "supervisor/system/give_up_root.h"
#include "supervisor/system/worker_users.h"
#include "supervisor/version.h"

namespace prefork {

Supervisor::Supervisor(Options options, Log& log, SpawnerProcess spawner)
    : worker_descriptors_(options.worker_descriptors),
      log_(log),
      closer_(loop_, log),
      spawner_(loop_, log, clients_, std::move(spawner), worker_descriptors_),
      output_(loop_),
      deaths_(loop_, /*parts=*/2),
      control_(loop_, log, static_cast<Operations&>(*this)),
      admin_({loop_, log, spawner_, control_, clients_, children_, output_, worker_descriptors_.rlim_max,
              admin_program()}),
      pools_({loop_, log, spawner_, clients_, datagram_, control_, oom_, children_, output_, deaths_, closer_,
              Callback()}),
      service_(loop_, log, static_cast<const ServiceReporter::Subject&>(*this)),
      status_writer_(loop_, log, static_cast<const Operations&>(*this)),
      reloader_(std::move(options.source), {log, pools_, control_, admin_, spawner_, clients_,
                                            Callback::to<&Supervisor::start_threads>(*this)}),
      reloads_(loop_, log, reloader_, static_cast<ReloadRounds::Owner&>(*this)),
      requests_(log, pools_, control_, admin_, clients_),
      upgrader_({std::move(options.program), reloader_.file()}, loop_, log, control_, clients_,
                static_cast<Upgrader::Subject&>(*this)),
      reaper_(loop_, log, oom_, static_cast<Reaper::Owner&>(*this)),
      started_at_(current_time()),
      stop_delay_(loop_),
      hup_(loop_),
      usr1_(loop_),
      usr2_(loop_),
      ttin_(loop_),
      ttou_(loop_),
      term_(loop_),
      quit_(loop_),
      int_(loop_),
      log_timer_(loop_),
      before_sleep_(loop_) {
  hup_.start(SIGHUP, Callback::to<&Supervisor::on_hup>(*this));
  usr1_.start(SIGUSR1, Callback::to<&Supervisor::on_usr1>(*this));
  usr2_.start(SIGUSR2, Callback::to<&Upgrader::request>(upgrader_));
  ttin_.start(SIGTTIN, Callback::to<&Supervisor::on_ttin>(*this));
  ttou_.start(SIGTTOU, Callback::to<&Supervisor::on_ttou>(*this));
  term_.start(SIGTERM, Callback::to<&Supervisor::on_term>(*this));
  quit_.start(SIGQUIT, Callback::to<&Supervisor::on_term>(*this));
  int_.start(SIGINT, Callback::to<&Supervisor::on_int>(*this));
  before_sleep_.start(Callback::to<&Supervisor::on_before_sleep>(*this));
}

Result<void> Supervisor::start(const Config& config, const StartAnswers& answers) {
  spawner_.begin();
  return reloader_.start(config, answers);
}

// Before the first worker is started: where processes are limited, threads come first.
void Supervisor::start_threads() {
  if (!log_.never_wait()) log_.warn("no thread can be started for the log: while its disk hangs, all waits");
  closer_.begin();
}

int Supervisor::run() {
  hide_from_own_user();  // again: the exec of an upgrade in place has undone it
  service_.begin();
  reaper_.begin();
  loop_.run();
  while (upgrader_.due()) {
    upgrader_.hand_over();
    loop_.run();
  }
  if (control_.file_stays()) {
    log_.info("control socket: its file {} stays: user {} may not remove it; the next start does",
              control_.path(), ::geteuid());
  }
  return !given_up_ && pools_.stopped_cleanly() ? 0 : 1;
}

void Supervisor::on_term() {
  if (stop_delay_.runs()) return begin_stop("stop_delay is ended by a signal: stopping", /*quick=*/false);
  stop(/*quick=*/stopping());
}

void Supervisor::stop(bool quick) {
  if (stopping() && !quick) return;
  const Milliseconds delay = reloader_.keys().stop_delay;
  if (!quick && delay > Milliseconds::zero()) return delay_stop(delay);
  begin_stop("stopping", quick);
}

void Supervisor::delay_stop(Duration delay) {
  log_.info("stopping in {}: until then connections are accepted and served; a second signal ends the wait",
            describe(delay));
  announce_stop();
  service_.stopping(delay + reloader_.keys().stop_timeout + kStopMargin);
  stop_delay_.begin(delay, Callback::to<&Supervisor::on_delay_over>(*this));
}

void Supervisor::announce_stop() {
  pools_.announce_stop();
  upgrader_.cancel();
  reloads_.cancel();
}

void Supervisor::begin_stop(const char* what, bool quick) {
  if (++stop_requests_ > kMaxStopRequests) {
    log_.error("giving up: there are processes that do not die");
    given_up_ = true;
    return loop_.stop();
  }
  log_.info("{}{}", what, quick ? " at once" : "; a second signal stops at once");
  announce_stop();
  if (!stop_delay_.runs()) service_.stopping();
  stop_delay_.end();
  spawner_.stop();
  pools_.stop(quick);
}

void Supervisor::on_before_sleep() {
  pools_.collect_finished();
  service_.look();
  if (stopping() && pools_.present().empty() && pools_.leaving().empty()) {
    if (!std::exchange(end_told_, true)) control_.publish(control_event::Stopped{pools_.stopped_cleanly()});
    admin_.stop();  // until now it can tell of the stop
    if (admin_.stopped()) loop_.stop();
  }
  if (upgrader_.ready()) loop_.stop();
  if (log_.waits() && !log_timer_.active()) write_log();
}

void Supervisor::write_log() {
  if (!log_.write_pending()) log_timer_.start(kLogRetry, Callback::to<&Supervisor::write_log>(*this));
}

void Supervisor::on_hup() { (void)reload(); }

void Supervisor::on_usr1() {
  log_.sink().reopen();
  status_writer_.request();
}

Result<std::uint64_t> Supervisor::reload() {
  log_.sink().reopen();
  if (stopping()) {
    log_.warn("reload refused: the supervisor is stopping");
    return Error{"the supervisor is stopping"};
  }
  return reloads_.request();
}

void Supervisor::reload_ended(std::uint64_t round, const ReloadVerdict& verdict) {
  service_.reloaded();
  control_.reload_ended(round, verdict);
  // Parsing takes far more memory than the result.
  (void)::malloc_trim(0);
}

SupervisorStatus Supervisor::status(bool workers) const {
  SupervisorStatus status;
  status.version = kVersion;
  status.name = reloader_.name();
  status.pid = ::getpid();
  status.config_file = reloader_.file();
  const Instant now = current_time();
  status.uptime = now - started_at_;
  status.longest_turn = loop_.turns().longest();
  status.longest_turn_lately = loop_.turns().longest_lately(now);
  status.strangers_reaped = reaper_.strangers_reaped();
  status.stopping = stopping();
  status.stop_delay_left = stop_delay_.left(now);
  for (const pid_t pid : {spawner_.pid(), spawner_.standby_pid()}) {
    if (pid != 0) status.spawners.push_back(pid);
  }
  status.control_file_missing = control_.file_is_removed();
  status.log_file_fault = log_.sink().fault();
  status.reload = reloader_.last();
  if (status.reload) status.reload_ago = now - status.reload->at;
  status.reloads = reloader_.counts();
  status.upgrades = upgrader_.counts();
  if (clients_.are_protected()) status.seccomp_from = clients_.first();
  status.admin = admin_.status();
  for (const auto& pool : pools_.present()) status.pools.push_back(pool->status(workers));
  for (const auto& pool : pools_.leaving()) {
    status.pools.push_back(pool->status(workers));
    status.pools.back().removed = true;
  }
  return status;
}

Result<WorkerStatusLine> Supervisor::worker(const std::string& pool, std::uint64_t number) const {
  bool known = false;
  std::optional<WorkerStatusLine> found;
  pools_.for_each([&](const PoolRunner& one) {
    if (found || one.config().name != pool) return;
    known = true;
    found = one.worker(number);
  });
  if (found) return *found;
  if (!known) return Error{"there is no pool \"" + pool + '"'};
  return Error{"pool " + pool + " has no worker " + std::to_string(number)};
}

std::vector<PoolSummary> Supervisor::pool_summaries() const {
  std::vector<PoolSummary> summaries;
  for (const auto& pool : pools_.present()) summaries.push_back(pool->summary());
  return summaries;
}

bool Supervisor::serves() const {
  const auto& pools = pools_.present();
  return std::all_of(pools.begin(), pools.end(), [](const auto& pool) { return pool->serves(); });
}

void Supervisor::hear_of_children() {
  spawner_.hear();
  pools_.for_each([](PoolRunner& pool) { pool.hear_introductions(); });
}

bool Supervisor::knows_child(pid_t pid) const {
  return children_.contains(pid) || pid == spawner_.pid() || pid == spawner_.standby_pid() ||
         pid == upgrader_.child() || pid == reloads_.child();
}

void Supervisor::child_stopped(pid_t pid, bool stopped) {
  if (children_.contains(pid)) pools_.for_each([&](PoolRunner& pool) { pool.process_stopped(pid, stopped); });
}

void Supervisor::look_for_stopped_workers() {
  pools_.for_each([](PoolRunner& pool) { pool.look_for_stopped(); });
}

bool Supervisor::settled() const {
  bool settled = !reloads_.under_way();
  pools_.for_each([&settled](const PoolRunner& pool) { settled = settled && !pool.draining_listeners(); });
  return settled;
}

SupervisorState Supervisor::final_state() {
  on_before_sleep();
  return state();
}

SupervisorState Supervisor::state() {
  SupervisorState state;
  state.version = kVersion;
  state.pid = ::getpid();
  state.descriptors_soft = worker_descriptors_.rlim_cur;
  state.descriptors_hard = worker_descriptors_.rlim_max;
  state.started_at = started_at_;
  state.last_status = status_writer_.last();
  state.written_at = current_time();
  state.status_due = status_writer_.due();
  state.client_descriptors = static_cast<std::uint64_t>(clients_.first());
  state.clients_protected = clients_.are_protected();
  state.service_ready = service_.ready();
  state.strangers_reaped = reaper_.strangers_reaped();
  state.turn_began = loop_.turns().began();
  state.longest_turn = loop_.turns().longest();
  state.upgrades = upgrader_.counts();
  state.spawner = spawner_.state();
  state.control = control_.state();
  state.admin = admin_.state();
  reloader_.write_state(state);
  pools_.write_state(state);
  (void)log_.write_pending();
  state.log_file = Carried{log_.sink().file()};
  state.log_waiting = log_.waiting();
  state.log_dropped = log_.dropped();
  return state;
}

void Supervisor::adopt(const SupervisorState& state, const AdoptedConfigs& configs) {
  started_at_ = state.started_at;
  reaper_.count_from(state.strangers_reaped);
  service_.adopt(state.service_ready);
  loop_.turns().adopt(state.turn_began, state.longest_turn);
  const bool by_default = configs.running.control_by_default;
  control_.adopt(state.control, by_default ? state.control.default_path : configs.running.control);
  clients_.adopt(static_cast<int>(state.client_descriptors), state.clients_protected);
  reloader_.adopt(state, configs.running);
  upgrader_.has_taken_over(state.upgrades);
  spawner_.adopt(state.spawner);
  admin_.adopt(state.admin, configs.running.admin);
  if (!state.admin.identity && can_change_user(spawner_.pid())) {  // an earlier version has chosen none
    admin_.set_identity(
        identity_of_admin(configs.running, reloader_.file(), {::geteuid(), ::getegid(), {}}, /*ask=*/false));
  }
  pools_.adopt(state, configs);
  const Duration took = current_time() - state.written_at;
  log_.info("supervisor {} has taken over from {} in the same process, pid {}, in {}", kVersion,
            state.version, ::getpid(), describe(took));
  control_.publish(control_event::Upgraded{state.version, kVersion, took});
  if (clients_.are_protected() && !configs.running.seccomp.value_or(true))
    log_.info("seccomp stays until the supervisor is restarted: an installed filter cannot be removed");
  start_threads();
  log_.sink().reopen();  // the program before may have been asked to
  spawner_.begin();
  pools_.for_each([](PoolRunner& pool) { pool.resume(); });
  admin_.resume();
  reloader_.open_missing_control();
  status_writer_.adopt(state.last_status, state.status_due);
  reaper_.look();  // for children that have died meanwhile
}

}  // namespace prefork
