#include "supervisor/io/spawner_link.h"

#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <optional>
#include <span>
#include <system_error>
#include <utility>

#include "proto/passing.h"

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

SpawnerLink::SpawnerLink(const Loop& loop, Log& log, SpawnerProcess process, const rlimit& descriptors)
    : log_(log),
      descriptors_(descriptors),
      process_(std::move(process)),
      reply_watcher_(loop),
      exit_watcher_(loop),
      pump_(loop) {
  if (process_.socket.valid()) watch();
}

void SpawnerLink::watch() {
  started_at_ = std::chrono::steady_clock::now();
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
  if (send_passing(process_.socket.get(), std::span(&kRenounceRoot, 1), -1, MSG_DONTWAIT) == 1) return {};
  return system_error("spawner: renounce root");
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
  process_ = SpawnerProcess{};
  const Duration age = std::chrono::steady_clock::now() - started_at_;
  if (::geteuid() == 0) {
    log_.error("the spawner process died; starting another");
  } else {
    log_.error(
        "the spawner process died; starting another, which is no more than the supervisor itself: if that "
        "gave up "
        "root, workers of other users can be started only after the supervisor is restarted");
  }
  give_up_requests();  // what the next one is sent is not lost
  if (age < kRetry) {
    pump_.start(kRetry, Callback::to<&SpawnerLink::restart>(*this));
  } else {
    restart();
  }
  send_requests();
}

void SpawnerLink::give_up_requests() {
  for (const LaunchKey& key : std::exchange(in_flight_, {})) {
    handle(LaunchReply{.key = key, .pid = 0, .step = LaunchStep::kRequest, .error = EPIPE}, Fd());
  }
}

SpawnerState SpawnerLink::state() const {
  SpawnerState state;
  state.launch_format = kLaunchFormat;
  state.socket = Carried{process_.socket.get()};
  state.pidfd = Carried{process_.pidfd.get()};
  state.pid = process_.pid;
  state.started_at = started_at_;
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
  SpawnerProcess process{Fd(static_cast<int>(state.socket)), Fd(static_cast<int>(state.pidfd)),
                         static_cast<pid_t>(state.pid)};
  // One that speaks another language ends when its socket closes.
  return state.launch_format == kLaunchFormat ? std::move(process) : SpawnerProcess{};
}

void SpawnerLink::adopt(const SpawnerState& state) {
  started_at_ = state.started_at;
  last_client_ = state.last_key;
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

void SpawnerLink::resume() {
  if (process_.socket.valid()) return send_requests();
  give_up_requests();
  restart();
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
  send_requests();
}

}  // namespace prefork
