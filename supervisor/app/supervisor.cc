#include "supervisor/app/supervisor.h"

#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <csignal>
#include <utility>

#include "supervisor/app/descriptor_budget.h"
#include "supervisor/system/clock.h"
#include "supervisor/system/descriptor_limits.h"
#include "supervisor/system/give_up_root.h"
#include "supervisor/version.h"

namespace prefork {

Supervisor::Supervisor(Options options, Log& log, SpawnerProcess spawner)
    : options_(std::move(options)),
      log_(log),
      spawner_(loop_, log, clients_, std::move(spawner), options_.worker_descriptors),
      upgrade_check_(loop_, static_cast<UpgradeCheck::Owner&>(*this)),
      control_(loop_, log, static_cast<Operations&>(*this)),
      service_(loop_, static_cast<const ServiceReporter::Subject&>(*this)),
      status_writer_(loop_, log, static_cast<const Operations&>(*this)),
      started_at_(current_time()),
      hup_(loop_),
      usr1_(loop_),
      usr2_(loop_),
      ttin_(loop_),
      ttou_(loop_),
      term_(loop_),
      quit_(loop_),
      int_(loop_),
      chld_(loop_),
      sweep_timer_(loop_),
      log_timer_(loop_),
      oom_timer_(loop_),
      before_sleep_(loop_) {
  hup_.start(SIGHUP, Callback::to<&Supervisor::on_hup>(*this));
  usr1_.start(SIGUSR1, Callback::to<&StatusWriter::request>(status_writer_));
  usr2_.start(SIGUSR2, Callback::to<&Supervisor::on_usr2>(*this));
  ttin_.start(SIGTTIN, Callback::to<&Supervisor::on_ttin>(*this));
  ttou_.start(SIGTTOU, Callback::to<&Supervisor::on_ttou>(*this));
  term_.start(SIGTERM, Callback::to<&Supervisor::on_term>(*this));
  quit_.start(SIGQUIT, Callback::to<&Supervisor::on_term>(*this));
  int_.start(SIGINT, Callback::to<&Supervisor::on_int>(*this));
  chld_.start(SIGCHLD, Callback::to<&Supervisor::on_chld>(*this));
  before_sleep_.start(Callback::to<&Supervisor::on_before_sleep>(*this));
}

int Supervisor::run() {
  hide_from_own_user();  // once more: the exec of an upgrade in place has undone it
  service_.begin();
  if (!oom_.file().empty()) look_for_oom_kills();
  loop_.run();
  while (upgrade_due_) {
    hand_over();
    loop_.run();
  }
  return stopped_cleanly_ ? 0 : 1;
}

void Supervisor::stop(bool quick) {
  if (stopping_ && !quick) return;
  if (++stop_requests_ > kPatience) {
    log_.error("giving up: there are processes that do not die");
    stopped_cleanly_ = false;
    return loop_.stop();
  }
  log_.info("stopping{}", quick ? " at once" : "; a second signal stops at once");
  stopping_ = true;
  if (std::exchange(upgrade_due_, false)) upgrade_refused("the supervisor is stopping");
  service_.stopping();
  for (const auto& pools : {&pools_, &leaving_}) {
    for (const auto& pool : *pools) pool->stop(quick);
  }
}

void Supervisor::on_before_sleep() {
  const auto collect = [this](std::vector<std::unique_ptr<PoolRunner>>& pools) {
    std::erase_if(pools, [this](const auto& pool) {
      if (!pool->finished()) return false;
      stopped_cleanly_ = stopped_cleanly_ && pool->stopped_cleanly();
      return true;
    });
  };
  collect(leaving_);
  if (stopping_) collect(pools_);
  if (stopping_ && pools_.empty() && leaving_.empty()) loop_.stop();
  if (upgrade_due_ && !listeners_retire()) loop_.stop();
  if (log_.waits() && !log_timer_.active()) write_log();
}

void Supervisor::write_log() {
  if (!log_.write_pending()) log_timer_.start(kLogRetry, Callback::to<&Supervisor::write_log>(*this));
}

Result<void> Supervisor::fits(const PoolRunner& changed, std::size_t workers) const {
  Config config;
  config.control = control_.path();
  for (const auto& pool : pools_) {
    config.pools.push_back(pool->config());
    config.pools.back().workers = static_cast<unsigned>(pool.get() == &changed ? workers : pool->limit());
  }
  return check_descriptor_budget(config, descriptor_limit(), clients_.unreadable_from());
}

void Supervisor::resize_by(int change) {
  if (stopping_) return;
  for (const auto& pool : pools_) {
    const std::size_t present = pool->limit();
    if ((change < 0 && present == 0) || (change > 0 && present == kMaxWorkers)) {
      log_.warn("pool {}: stays at {} workers; allowed are 0 to {}", pool->config().name, present,
                kMaxWorkers);
      continue;
    }
    const std::size_t wanted = change < 0 ? present - 1 : present + 1;
    if (auto room = fits(*pool, wanted); change > 0 && !room) {
      log_.warn("pool {}: stays at {} workers: {}", pool->config().name, present, room.error().message());
      continue;
    }
    log_.info("pool {}: {} workers from now on, {} before", pool->config().name, wanted, present);
    pool->resize(wanted);
  }
}

SupervisorStatus Supervisor::status() const {
  SupervisorStatus status;
  status.version = kVersion;
  status.pid = ::getpid();
  status.config_file = options_.config_file;
  status.uptime = current_time() - started_at_;
  status.strangers_reaped = strangers_reaped_;
  status.stopping = stopping_;
  for (const pid_t pid : {spawner_.pid(), spawner_.standby_pid()}) {
    if (pid != 0) status.spawners.push_back(pid);
  }
  if (clients_.are_protected()) status.seccomp_from = clients_.first();
  for (const auto& pools : {&pools_, &leaving_}) {
    for (const auto& pool : *pools) {
      status.pools.push_back(pool->status());
      status.pools.back().removed = pools == &leaving_;
    }
  }
  return status;
}

std::vector<PoolSummary> Supervisor::pool_summaries() const {
  std::vector<PoolSummary> summaries;
  for (const auto& pool : pools_) summaries.push_back(pool->summary());
  return summaries;
}

void Supervisor::on_chld() {
  note_stopped();
  if (!sweep_timer_.active())
    sweep_timer_.start(kSweepDelay, Callback::to<&Supervisor::sweep_strangers>(*this));
}

void Supervisor::note_stopped() {
  spawner_.hear();  // of whom it may tell that they have just begun
  for (;;) {
    siginfo_t child{};
    if (::waitid(P_ALL, 0, &child, WSTOPPED | WCONTINUED | WNOHANG) < 0 || child.si_pid == 0) return;
    const bool stopped = child.si_code == CLD_STOPPED;
    for (const auto& pools : {&pools_, &leaving_}) {
      for (const auto& pool : *pools) pool->process_stopped(child.si_pid, stopped);
    }
  }
}

void Supervisor::sweep_strangers() {
  // Children that are not ours: what a worker left behind comes to us when the worker dies. Ours are reaped
  // through their pidfds, each where it is known what its death means.
  const auto ours = [this](pid_t pid) {
    const auto known = [pid](const auto& pool) { return pool->knows_child(pid); };
    return pid == spawner_.pid() || pid == spawner_.standby_pid() || pid == upgrade_check_.pid() ||
           std::any_of(pools_.begin(), pools_.end(), known) ||
           std::any_of(leaving_.begin(), leaving_.end(), known);
  };
  const auto awaits = [](const auto& pool) { return pool->awaits_identity(); };
  spawner_.hear();
  if (spawner_.awaits_answers() || std::any_of(pools_.begin(), pools_.end(), awaits) ||
      std::any_of(leaving_.begin(), leaving_.end(), awaits)) {
    return on_chld();
  }
  for (;;) {
    siginfo_t child{};
    if (::waitid(P_ALL, 0, &child, WEXITED | WNOHANG | WNOWAIT) < 0 || child.si_pid == 0) return;
    if (ours(child.si_pid)) return on_chld();
    (void)::waitid(P_PID, static_cast<id_t>(child.si_pid), &child, WEXITED | WNOHANG);
    ++strangers_reaped_;
    log_.debug("reaped process {}, which a worker had left behind", child.si_pid);
  }
}

void Supervisor::look_for_oom_kills() {
  oom_.look(current_time());
  oom_timer_.start(OomCounter::kRecent, Callback::to<&Supervisor::look_for_oom_kills>(*this));
}

PoolRunner::Surroundings Supervisor::surroundings() {
  return {loop_,     log_,     spawner_, clients_,
          datagram_, control_, oom_,     Callback::to<&Supervisor::make_room>(*this)};
}

void Supervisor::make_room() {
  // In the middle of a reload some are not in their place.
  for (const auto& pools : {&pools_, &leaving_}) {
    for (const auto& pool : *pools) {
      if (pool) pool->make_room();
    }
  }
}

}  // namespace prefork
