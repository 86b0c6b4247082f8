#include "supervisor/workers/spawner_link.h"

#include <sys/socket.h>
#include <unistd.h>

#include <cerrno>
#include <chrono>
#include <csignal>
#include <span>
#include <system_error>
#include <utility>

#include "supervisor/system/own_scheduling.h"
#include "supervisor/system/signal_child.h"

namespace prefork {

SpawnerLink::SpawnerLink(const Loop& loop, Log& log, const ClientDescriptors& clients, SpawnerProcess process,
                         const rlimit& descriptors, Duration answer_timeout)
    : log_(log),
      descriptors_of_clients_(clients),
      descriptors_(descriptors),
      active_(loop,
              {.readable = Callback::to<&SpawnerLink::on_readable>(*this),
               .exited = Callback::to<&SpawnerLink::on_exit>(*this),
               .overdue = Callback::to<&SpawnerLink::on_overdue>(*this)},
              answer_timeout),
      retry_(loop),
      standby_(loop, log, Callback::to<&SpawnerLink::ask_for_standby>(*this)) {
  if (process.socket.valid()) active_.begin(std::move(process));
}

SpawnerLink::~SpawnerLink() {
  // They end when their sockets close, unless they are stopped or hang.
  if (active_.present()) (void)active_.kill();
  const SpawnerProcess standby = standby_.take();
  if (standby.pid != 0) signal_child(standby.pidfd, standby.pid, SIGKILL);
}

void SpawnerLink::begin() {
  if (!active_.present()) {
    give_up_requests();
    restart();
  }
  if (requests_.awaits_answers()) active_.expect_answer();
  ask_for_standby();
  send_requests();
}

std::uint64_t SpawnerLink::add(StartRequester& requester, std::uint64_t key) {
  requesters_[key] = &requester;
  return key;
}

void SpawnerLink::remove(std::uint64_t key) {
  requesters_.erase(key);
  requests_.drop(key);
}

void SpawnerLink::launch(const LaunchKey& key, const Launch& launch, Fd channel, Fd output) {
  requests_.push({key, encode_request(key, launch, format_), std::move(channel), std::move(output)});
  send_requests();
}

Result<void> SpawnerLink::renounce_root() {
  if (active_.send(std::span(&kRenounceRoot, 1), -1, -1) != 1) return system_error("spawner: renounce root");
  return standby_.renounce_root();
}

void SpawnerLink::ask_for_standby() {
  if (stopping_ || !standby_.ask(active_.socket())) return;
  requests_.sent(kStandbyKey);
  active_.expect_answer();
}

void SpawnerLink::send_requests() {
  while (active_.present()) {
    const LaunchQueue::Request* request = requests_.next();
    if (request == nullptr) return;
    if (active_.send(request->bytes, request->channel.get(), request->output.get()) < 0) {
      if (errno == EPIPE) return;  // it is about to be replaced
      // An answer makes room. When none is awaited, what is short now may not be short in a moment.
      if (!requests_.awaits_answers()) {
        log_.warn("the spawner cannot be asked for a worker now: {}", std::generic_category().message(errno));
        retry_.start(kSendRetry, Callback::to<&SpawnerLink::send_requests>(*this));
      }
      return;
    }
    requests_.next_sent();
    active_.expect_answer();
  }
}

bool SpawnerLink::hear() {
  bool answered = false;
  while (auto answer = active_.receive()) {
    answered = answered || answer->reply.from_spawner();
    handle(answer->reply, std::move(answer->pidfd));
  }
  send_requests();
  return answered;
}

void SpawnerLink::handle(const LaunchReply& reply, Fd pidfd) {
  if (reply.from_spawner()) {
    ++answers_;
    requests_.answered(reply.key);
    keeps_silent_one_ = false;
    active_.answered(requests_.awaits_answers());
  }
  if (reply.went_on && !reply.started_otherwise()) return warn_of_lack(reply);
  if (reply.key == kStandbyKey) return standby_.answered(reply, std::move(pidfd));
  const auto requester = requesters_.find(reply.key.pool);
  if (requester == requesters_.end()) return;
  if (reply.went_on) {
    requester->second->started_otherwise(reply.key.worker, reply);
  } else if (!reply.from_spawner()) {
    requester->second->start_failed(reply.key.worker, reply);
  } else if (reply.pid > 0) {
    requester->second->started(reply.key.worker, reply.pid, std::move(pidfd));
  } else {
    requester->second->not_started(reply.key.worker, reply);
  }
}

void SpawnerLink::warn_of_lack(const LaunchReply& reply) {
  if (lacks_.insert(reply.step).second) log_.warn("{}", describe_lack(reply));
}

void SpawnerLink::on_overdue() {
  const bool heard = hear();
  if (active_.killed()) return replace("survives SIGKILL");
  if (heard || !requests_.awaits_answers()) return;
  const double seconds = std::chrono::duration<double>(active_.silence()).count();
  if (standby_.pid() == 0 && !stopping_) {
    if (!std::exchange(keeps_silent_one_, true)) {
      log_.error(
          "the spawner process {} has not answered for {:.0f} s; there is no standby, so it is kept, and "
          "starts no workers until it answers",
          active_.pid(), seconds);
    }
    return active_.expect_answer();
  }
  if (const auto killed = active_.kill(); !killed) {
    log_.error("the spawner process {} has not answered for {:.0f} s", active_.pid(), seconds);
    return replace("cannot be killed: " + killed.error().code.message());
  }
  log_.error("the spawner process {} has not answered for {:.0f} s and is killed", active_.pid(), seconds);
  active_.expect_answer();
}

void SpawnerLink::on_exit() {
  (void)hear();
  replace("died");
}

void SpawnerLink::replace(const std::string& fate) {
  const ActiveSpawner::Buried dead = active_.bury();
  SpawnerProcess standby = standby_.take();
  if (standby.pid != 0) {
    log_.error("the spawner process {} {}; the standby, pid {}, takes over", dead.pid, fate, standby.pid);
    give_up_requests();  // what the standby is sent is not lost
    active_.begin(std::move(standby));
  } else {
    start_over(dead, fate);
  }
  ask_for_standby();
  send_requests();
}

void SpawnerLink::start_over(const ActiveSpawner::Buried& dead, const std::string& fate) {
  if (stopping_) {
    requests_.give_up_waiting();
    return give_up_requests();
  }
  log_.error("the spawner process {} {}, and there is no standby; starting another", dead.pid, fate);
  if (::geteuid() != 0) {
    log_.error(
        "the new spawner has no more rights than the supervisor: if that gave up root, workers of other "
        "users can be started only after the supervisor is restarted");
  }
  if (descriptors_of_clients_.are_protected()) {
    log_.error(
        "the new spawner has the supervisor's seccomp filter, and so have the workers that it starts: they "
        "cannot read from descriptors from {} on, nor use io_uring, until the supervisor is restarted",
        descriptors_of_clients_.first());
  }
  give_up_requests();
  if (dead.age < kRetry) {
    retry_.start(kRetry, Callback::to<&SpawnerLink::restart>(*this));
  } else {
    restart();
  }
}

void SpawnerLink::restart() {
  const ScheduledAsBefore as_before;  // workers with "scheduling": "normal" are scheduled as their spawner
  auto started = start_spawner(descriptors_);
  if (!started) {
    log_.error("{}; trying again in a second", started.error().message());
    retry_.start(kRetry, Callback::to<&SpawnerLink::restart>(*this));
    return;
  }
  format_ = kLaunchFormat;
  active_.begin(std::move(started).value());
  ask_for_standby();
  send_requests();
}

void SpawnerLink::give_up_requests() {
  for (const LaunchKey& key : requests_.take_unanswered()) {
    if (key == kStandbyKey) continue;
    handle(LaunchReply{.key = key, .pid = 0, .step = LaunchStep::kRequest, .error = EPIPE}, Fd());
  }
}

SpawnerState SpawnerLink::state() const {
  SpawnerState state;
  state.launch_format = format_;
  state.active = active_.state();
  state.standby = standby_.state();
  state.last_key = last_key_;
  requests_.write_state(state);
  return state;
}

SpawnerProcess SpawnerLink::process_of(const SpawnerState& state) {
  SpawnerProcess process{Fd(static_cast<int>(state.active.socket)), Fd(static_cast<int>(state.active.pidfd)),
                         static_cast<pid_t>(state.active.pid)};
  // One that speaks another format ends when its socket closes.
  return speaks_launch_format(state.launch_format) ? std::move(process) : SpawnerProcess{};
}

void SpawnerLink::adopt(const SpawnerState& state) {
  active_.adopt_start(state.active.started_at);
  last_key_ = state.last_key;
  standby_.adopt(state.standby);
  if (speaks_launch_format(state.launch_format)) {
    format_ = state.launch_format;
  } else {
    (void)standby_.take();  // as of the active one
  }
  if (format_ == kUnpinnedLaunchFormat) {
    log_.warn(
        "the spawner is of an earlier version: until the supervisor is restarted, workers are started from "
        "what the configured paths lead to at that time");
  }
  requests_.adopt(state);
}

}  // namespace prefork
