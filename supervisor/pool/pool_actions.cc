// The part of PoolRunner that carries out actions on workers and connections.
#include <sys/socket.h>

#include <algorithm>
#include <utility>
#include <vector>

#include "supervisor/clients/client_sign.h"
#include "supervisor/pool/pool_runner.h"
#include "supervisor/system/process_memory.h"
#include "supervisor/system/socket.h"

namespace prefork {
namespace {

/// Room for what can be under way to one worker, and little more: a datagram takes 768 bytes of the kernel's
/// accounting, which doubles the number it is given.
int send_buffer_for(std::uint32_t slots) { return static_cast<int>((slots + 4) * 768 / 2); }

event::DispatchFailed::Cause to_cause(SendStatus status) {
  switch (status) {
    case SendStatus::kFull: return event::DispatchFailed::Cause::kWorkerFull;
    case SendStatus::kNoResources: return event::DispatchFailed::Cause::kNoResources;
    case SendStatus::kSent:
    case SendStatus::kInvalid: return event::DispatchFailed::Cause::kBadConnection;
    case SendStatus::kGone: break;
  }
  return event::DispatchFailed::Cause::kWorkerGone;
}

Record connection_record(const action::Dispatch& action) {
  const auto wait_us = std::chrono::duration_cast<std::chrono::microseconds>(action.waited).count();
  Record record;
  record.kind = RecordKind::kConnection;
  record.flags =
      static_cast<std::uint16_t>((action.may_park ? kMayPark : 0) | (action.park_at_once ? kParkAtOnce : 0) |
                                 (action.last ? kLastRequest : 0));
  record.value = action.listener;
  record.ticket = action.ticket.value;
  record.time_ns = static_cast<std::uint64_t>(action.accepted_at.time_since_epoch().count());
  record.wait_us = static_cast<std::uint32_t>(std::clamp<std::int64_t>(wait_us, 0, UINT32_MAX));
  return record;
}

}  // namespace

void PoolRunner::perform(const action::StartWorker& action) {
  auto ends = Channel::make_pair(send_buffer_for(config_.connections_per_worker));
  if (ends) {
    if (auto own = shared_.client_descriptors.check_own(ends.value().first.descriptor()); !own)
      ends = own.error();
  }
  if (!ends) {
    shared_.log.error("{} cannot be started: {}", reporter_.name_of(action.worker), ends.error().message());
    return tell(event::WorkerExited{action.worker, Exit{Exit::Kind::kNotStarted, 0}});
  }
  auto [ours, theirs] = std::move(ends).value();
  const bool forked = static_cast<bool>(action.from);
  WorkerProcess& process = processes_.add(std::make_unique<WorkerProcess>(
      for_workers_, static_cast<WorkerProcess::Owner&>(*this), action.worker, std::move(ours), forked));
  if (!forked) return launch(action, process, theirs.release());
  forks_.push_back(Fork{action.worker, action.from, theirs.release()});
  send_forks();
}

void PoolRunner::launch(const action::StartWorker& action, WorkerProcess& process, Fd channel) {
  const Launch& launch = launches_.at(action.generation).of(action.role);
  Fd theirs;
  if (launch.captured) {
    auto pipe = WorkerOutput::make_pipe();
    if (pipe) {
      if (auto own = shared_.client_descriptors.check_own(pipe.value().ours.get()); !own) pipe = own.error();
    }
    if (!pipe) {
      process.set_start_error(pipe.error().message());
      return process.not_started();
    }
    process.set_output(std::make_unique<WorkerOutput>(shared_.loop, shared_.log, std::move(pipe.value().ours),
                                                      action.role == WorkerRole::kTemplate));
    theirs = std::move(pipe.value().theirs);
  }
  shared_.spawner.launch(LaunchKey{spawner_key_, action.worker.value}, launch, std::move(channel),
                         std::move(theirs));
}

void PoolRunner::send_forks() {
  std::vector<WorkerId> full;
  std::vector<WorkerId> failed;
  std::erase_if(forks_, [&](const Fork& fork) {
    if (std::find(full.begin(), full.end(), fork.from) != full.end()) return false;
    WorkerProcess* origin = processes_.find(fork.from);
    const SendStatus status =
        origin == nullptr ? SendStatus::kGone : origin->send(Record{.kind = RecordKind::kFork}, fork.channel);
    if (status == SendStatus::kFull || status == SendStatus::kNoResources) {
      full.push_back(fork.from);
      return false;
    }
    if (status != SendStatus::kSent) failed.push_back(fork.worker);
    return true;
  });
  // The template has enough to do; each fork makes room.
  if (!full.empty()) fork_timer_.start(kForkRetry, Callback::to<&PoolRunner::send_forks>(*this));
  for (const WorkerId worker : failed) tell(event::WorkerExited{worker, Exit{Exit::Kind::kNotStarted, 0}});
}

void PoolRunner::perform(const action::SendDrain& action) {
  // A worker that cannot be told will be signalled when its deadline passes.
  if (WorkerProcess* worker = processes_.find(action.worker))
    (void)worker->send(Record{.kind = RecordKind::kDrain});
}

void PoolRunner::perform(const action::SignalWorker& action) {
  if (WorkerProcess* worker = processes_.find(action.worker)) worker->signal(action.signal);
}

void PoolRunner::perform(const action::SendPing& action) {
  // Where there is no room for it the worker has not read what it was sent before: that tells the same.
  if (WorkerProcess* worker = processes_.find(action.worker))
    (void)worker->send(Record{.kind = RecordKind::kPing});
}

void PoolRunner::perform(const action::Measure& action) {
  const WorkerProcess* worker = processes_.find(action.worker);
  if (worker == nullptr || worker->pid() == 0) return;
  if (const auto rss = resident_memory(worker->pid())) tell(event::WorkerMeasured{action.worker, *rss});
}

void PoolRunner::perform(const action::ForgetWorker& action) {
  std::erase_if(forks_, [&action](const Fork& fork) { return fork.worker == action.worker; });
  std::unique_ptr<WorkerProcess> process = processes_.take(action.worker);
  if (process == nullptr) return;
  // What a template has forked writes where it did: closed, that would end them.
  if (process->output() != nullptr && process->output()->outlives_owner())
    outputs_.push_back(process->take_output());
  forgotten_.push_back(std::move(process));
}

void PoolRunner::perform(const action::Dispatch& action) {
  Fd& socket = sockets_.at(action.ticket);
  if (action.look_first && look_at(socket) == event::ClientSign::kGone) {
    return tell(
        event::DispatchFailed{action.worker, action.ticket, event::DispatchFailed::Cause::kClientLeft});
  }
  if (action.came_back) restore_defaults(socket);
  if (action.answered) sockets_.progress(action.ticket) = progress_of(socket);
  sockets_.sent(action.ticket) = true;
  WorkerProcess* worker = processes_.find(action.worker);
  const SendStatus status =
      worker == nullptr ? SendStatus::kGone : worker->send(connection_record(action), socket);
  if (status == SendStatus::kSent) return;
  if (status == SendStatus::kInvalid) {
    shared_.log.error("pool {}: the connection of {} cannot be handed to a worker and is closed",
                      config_.name, peer_name(socket));
  }
  tell(event::DispatchFailed{action.worker, action.ticket, to_cause(status)});
}

void PoolRunner::perform(const action::SendYield& action) {
  // A worker that cannot be told parks a moment later by itself.
  if (WorkerProcess* worker = processes_.find(action.worker))
    (void)worker->send(Record{.kind = RecordKind::kYield});
}

void PoolRunner::watch(Ticket ticket) {
  SocketTable::Watch& watch = sockets_.watch(ticket);
  const bool again = watch != SocketTable::Watch::kNever;
  watch = SocketTable::Watch::kArmed;
  if (lobby_.watch(ticket, sockets_.at(ticket), again)) return;
  // Who cannot be watched is given to a worker, which may find it silent.
  watch = again ? SocketTable::Watch::kSpent : SocketTable::Watch::kNever;
  tell(event::ClientSeen{ticket, event::ClientSign::kAsks});
}

void PoolRunner::perform(const action::Look& action) {
  tell(event::ClientSeen{action.ticket, look_at(sockets_.at(action.ticket))});
}

void PoolRunner::perform(const action::CloseCopy& action) {
  Fd& socket = sockets_.at(action.ticket);
  // The worker may have closed its copy already: then ours is the last, and must not wait for a linger it
  // set.
  disarm_linger(socket);
  socket.reset();
}

void PoolRunner::perform(const action::Inspect& action) {
  const Traffic traffic = traffic_of(sockets_.at(action.ticket), sockets_.progress(action.ticket));
  tell(event::Inspected{action.ticket, traffic.untouched(), traffic.sent});
}

void PoolRunner::perform(const action::Dismiss& action) {
  const Fd& socket = sockets_.at(action.ticket);
  if (!config_.crash_reply.empty() && !traffic_of(socket, sockets_.progress(action.ticket)).sent)
    send_last_answer(socket, config_.crash_reply);
  // The worker's copy ends with it: should the worker wake up again, it finds the connection closed.
  (void)::shutdown(socket.get(), SHUT_RDWR);
}

void PoolRunner::perform(const action::End& action) {
  const bool sent = sockets_.sent(action.ticket);
  const bool watched = sockets_.watch(action.ticket) == SocketTable::Watch::kArmed;
  Fd socket = sockets_.end(action.ticket);
  if (!socket.valid()) return;
  if (watched) lobby_.forget(socket);
  if (sent) disarm_linger(socket);
  switch (action.how) {
    case action::End::How::kClose: break;
    case action::End::How::kCrash:
      if (!config_.crash_reply.empty()) {
        lingering_close_.start(std::move(socket), config_.crash_reply);
        break;
      }
      [[fallthrough]];
    case action::End::How::kHangUp:
    case action::End::How::kCut: (void)::shutdown(socket.get(), SHUT_RDWR); break;
    case action::End::How::kReject:
      if (!config_.queue.reject_with.empty())
        lingering_close_.start(std::move(socket), config_.queue.reject_with);
      break;
  }
}

}  // namespace prefork
