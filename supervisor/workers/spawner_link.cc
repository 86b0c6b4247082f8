#include "supervisor/workers/spawner_link.h"

#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <optional>
#include <span>
#include <system_error>
#include <utility>

#include "proto/passing.h"
#include "supervisor/system/clock.h"

namespace prefork {
namespace {

std::optional<LaunchReply> receive_reply(const Fd& socket, Fd& pidfd) {
  LaunchReply reply;
  Passed passed = receive_passing(socket.get(), std::as_writable_bytes(std::span(&reply, 1)), MSG_DONTWAIT);
  if (passed.size != static_cast<ssize_t>(sizeof(reply))) return std::nullopt;
  pidfd = std::move(passed.descriptor);
  return reply;
}

}  // namespace

SpawnerLink::SpawnerLink(const Loop& loop, Log& log, const ClientDescriptors& clients, SpawnerProcess process,
                         const rlimit& descriptors)
    : log_(log),
      descriptors_of_clients_(clients),
      descriptors_(descriptors),
      process_(std::move(process)),
      reply_watcher_(loop),
      exit_watcher_(loop),
      pump_(loop),
      standby_(loop, log, Callback::to<&SpawnerLink::ask_for_standby>(*this)) {
  if (process_.socket.valid()) watch();
}

void SpawnerLink::watch() {
  started_at_ = current_time();
  reply_watcher_.start(process_.socket.get(), Callback::to<&SpawnerLink::hear>(*this));
  exit_watcher_.start(process_.pidfd.get(), Callback::to<&SpawnerLink::on_exit>(*this));
}

std::uint64_t SpawnerLink::add(Client& client, std::uint64_t key) {
  clients_[key] = &client;
  return key;
}

void SpawnerLink::remove(std::uint64_t pool) {
  clients_.erase(pool);
  std::erase_if(waiting_, [pool](const Request& request) { return request.key.pool == pool; });
}

void SpawnerLink::launch(const LaunchKey& key, const Launch& launch, Fd channel, Fd output) {
  waiting_.push_back(Request{key, encode_request(key, launch), std::move(channel), std::move(output)});
  send_requests();
}

Result<void> SpawnerLink::renounce_root() {
  if (send_passing(process_.socket.get(), std::span(&kRenounceRoot, 1), -1, MSG_DONTWAIT) != 1)
    return system_error("spawner: renounce root");
  return standby_.renounce_root();
}

void SpawnerLink::ask_for_standby() {
  if (standby_.ask(process_.socket)) in_flight_.push_back(kStandbyKey);
}

void SpawnerLink::send_requests() {
  while (!waiting_.empty() && in_flight_.size() < kMaxInFlight && process_.socket.valid()) {
    Request& request = waiting_.front();
    if (send_passing(process_.socket.get(), request.bytes, request.channel.get(), request.output.get(),
                     MSG_DONTWAIT) < 0) {
      // Its answers make room. Without any under way, whatever is short now may not be in a moment.
      if (in_flight_.empty()) {
        log_.warn("the spawner cannot be asked for a worker now: {}", std::generic_category().message(errno));
        pump_.start(kRefill, Callback::to<&SpawnerLink::send_requests>(*this));
      }
      return;
    }
    in_flight_.push_back(request.key);
    waiting_.pop_front();
  }
}

void SpawnerLink::hear() {
  while (process_.socket.valid()) {
    Fd pidfd;
    const auto reply = receive_reply(process_.socket, pidfd);
    if (!reply) break;
    handle(*reply, std::move(pidfd));
  }
  send_requests();
}

void SpawnerLink::handle(const LaunchReply& reply, Fd pidfd) {
  if (reply.from_spawner()) std::erase(in_flight_, reply.key);
  if (reply.key == kStandbyKey) return standby_.answered(reply, std::move(pidfd));
  const auto client = clients_.find(reply.key.pool);
  if (client == clients_.end()) return;
  if (!reply.from_spawner()) {
    client->second->start_failed(reply.key.worker, reply);
  } else if (reply.pid > 0) {
    client->second->started(reply.key.worker, reply.pid, std::move(pidfd));
  } else {
    client->second->not_started(reply.key.worker, reply);
  }
}

void SpawnerLink::on_exit() {
  hear();
  exit_watcher_.stop();
  reply_watcher_.stop();
  (void)::waitpid(process_.pid, nullptr, WNOHANG);
  const pid_t dead = std::exchange(process_, SpawnerProcess{}).pid;
  const Duration age = current_time() - started_at_;
  SpawnerProcess standby = standby_.take();
  if (standby.pid != 0) {
    log_.error("the spawner process {} died; the standby, pid {}, takes over", dead, standby.pid);
    take_over(std::move(standby));
  } else {
    start_over(age);
  }
  ask_for_standby();
  send_requests();
}

void SpawnerLink::take_over(SpawnerProcess standby) {
  give_up_requests();  // what this one is sent is not lost
  process_ = std::move(standby);
  watch();
}

void SpawnerLink::start_over(Duration age) {
  log_.error("the spawner process died, and its standby as well; starting others");
  if (::geteuid() != 0) {
    log_.error(
        "the new spawner is no more than the supervisor itself: if that gave up root, workers of other users "
        "can be started only after the supervisor is restarted");
  }
  if (descriptors_of_clients_.are_protected()) {
    log_.error(
        "the new spawner has the supervisor's seccomp filter, and so have the workers that it starts: they "
        "cannot read from descriptors from {} on, nor use io_uring, until the supervisor is restarted",
        descriptors_of_clients_.first());
  }
  give_up_requests();
  if (age < kRetry) {
    pump_.start(kRetry, Callback::to<&SpawnerLink::restart>(*this));
  } else {
    restart();
  }
}

void SpawnerLink::give_up_requests() {
  for (const LaunchKey& key : std::exchange(in_flight_, {})) {
    if (key == kStandbyKey) continue;
    handle(LaunchReply{.key = key, .pid = 0, .step = LaunchStep::kRequest, .error = EPIPE}, Fd());
  }
}

SpawnerState SpawnerLink::state() const {
  SpawnerState state;
  state.launch_format = kLaunchFormat;
  state.active = {Carried{process_.socket.get()}, Carried{process_.pidfd.get()}, process_.pid, started_at_};
  state.standby = standby_.state();
  state.last_key = last_client_;
  for (const LaunchKey& key : in_flight_)
    state.in_flight.push_back({key.pool, key.worker, "", Carried::kNone, Carried::kNone});
  for (const Request& request : waiting_) {
    state.waiting.push_back(
        {request.key.pool, request.key.worker,
         std::string(reinterpret_cast<const char*>(request.bytes.data()), request.bytes.size()),
         Carried{request.channel.get()}, Carried{request.output.get()}});
  }
  return state;
}

SpawnerProcess SpawnerLink::process_of(const SpawnerState& state) {
  SpawnerProcess process{Fd(static_cast<int>(state.active.socket)), Fd(static_cast<int>(state.active.pidfd)),
                         static_cast<pid_t>(state.active.pid)};
  // One that speaks another language ends when its socket closes.
  return state.launch_format == kLaunchFormat ? std::move(process) : SpawnerProcess{};
}

void SpawnerLink::adopt(const SpawnerState& state) {
  started_at_ = state.active.started_at;
  last_client_ = state.last_key;
  standby_.adopt(state.standby);
  if (state.launch_format != kLaunchFormat) (void)standby_.take();  // as of the active one
  for (const RequestState& sent : state.in_flight) in_flight_.push_back({sent.pool, sent.worker});
  for (const RequestState& request : state.waiting) {
    const LaunchKey key{request.pool, request.worker};
    Fd channel(static_cast<int>(request.channel));
    Fd output(static_cast<int>(request.output));
    if (state.launch_format != kLaunchFormat) {
      in_flight_.push_back(key);  // nobody will answer
      continue;
    }
    const auto bytes = std::as_bytes(std::span(request.bytes));
    waiting_.push_back({key, {bytes.begin(), bytes.end()}, std::move(channel), std::move(output)});
  }
}

void SpawnerLink::begin() {
  if (!process_.socket.valid()) {
    give_up_requests();
    restart();
  }
  ask_for_standby();
  send_requests();
}

void SpawnerLink::restart() {
  auto started = start_spawner(descriptors_);
  if (!started) {
    log_.error("{}; trying again in a second", started.error().message());
    pump_.start(kRetry, Callback::to<&SpawnerLink::restart>(*this));
    return;
  }
  process_ = std::move(started).value();
  watch();
  ask_for_standby();
  send_requests();
}

}  // namespace prefork
