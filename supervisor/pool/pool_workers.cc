#include "supervisor/pool/pool_workers.h"

#include <utility>
#include <variant>

#include "supervisor/pool/accept_environment.h"
#include "supervisor/pool/node_environment.h"
#include "supervisor/pool/start_clue.h"
#include "supervisor/system/process_memory.h"

namespace prefork {
namespace {

/// The size of a channel's send buffer: holds what can be in flight to one worker, and little more. The
/// kernel accounts 768 bytes for a record, 1280 for one with a long memo, and doubles the number that it is
/// given.
int send_buffer_for(std::uint32_t slots) { return static_cast<int>((slots + 4) * 1280 / 2); }

/// The same for Node, which takes one connection at a time: lines of a kilobyte at most, which must be sent
/// whole, and answers to as many questions as it may ask at once.
constexpr int kNodeSendBuffer = 64 * 1024;

/// How many workers a template may be asked for before it has read of the first.
constexpr std::uint32_t kForksInFlight = 16;

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

}  // namespace

PoolWorkers::PoolWorkers(const SharedServices& shared, const Parts& parts, std::uint64_t spawner_key)
    : shared_(shared),
      parts_(parts),
      spawner_key_(shared.spawner.add(*this, spawner_key)),
      outputs_(parts.process_services, parts.processes),
      forks_(shared.loop, *this) {}

PoolWorkers::~PoolWorkers() { shared_.spawner.remove(spawner_key_); }

void PoolWorkers::add_generation(Generation generation, Launches launches) {
  parts_.reporter.begins(generation, launches.worker);
  launches_.add(generation, std::move(launches));
}

bool PoolWorkers::start_from(const Launches& launches, Generation generation) const {
  return same_start(launches_.of(generation, WorkerRole::kWorker), launches.worker);
}

void PoolWorkers::perform(const action::StartWorker& action) {
  const bool forks = action.role == WorkerRole::kTemplate;
  const Launch& launched = launches_.of(action.generation, action.role);
  const int buffer = launched.wire == Wire::kNode
                         ? kNodeSendBuffer
                         : send_buffer_for(forks ? kForksInFlight : parts_.core.settings().slots);
  auto ends = Channel::make_pair(buffer, launched.wire == Wire::kNative ? SOCK_SEQPACKET : SOCK_STREAM);
  if (ends) {
    if (auto own = shared_.client_descriptors.check_own(ends.value().first.descriptor()); !own)
      ends = own.error();
  }
  if (!ends) {
    shared_.log.error("{} cannot be started: {}", parts_.reporter.name_of(action.worker),
                      ends.error().message());
    return tell(event::WorkerExited{action.worker, Exit{Exit::Kind::kNotStarted, 0}});
  }
  auto [ours, theirs] = std::move(ends).value();
  DialectState dialect{.wire = launched.wire, .idle_value = launched.idle_value};
  if (launched.wire == Wire::kNode) dialect.node.listen = listen_list(launched);
  WorkerProcess& process = parts_.processes.add(
      std::make_unique<WorkerProcess>(parts_.process_services, static_cast<WorkerProcess::Owner&>(*this),
                                      action.worker, std::move(ours), action.from, dialect));
  if (action.from) return forks_.add(action.worker, action.from, theirs.release());
  launch(action, process, theirs.release());
}

void PoolWorkers::tell(const Event& event) {
  const auto* exited = std::get_if<event::WorkerExited>(&event);
  if (exited == nullptr) return parts_.events.tell(event);
  event::WorkerExited known = *exited;
  const WorkerRow* row = parts_.core.workers().find(known.worker);
  const WorkerProcess* process = parts_.processes.find(known.worker);
  if (row != nullptr && process != nullptr) known.clue = start_clue(*row, known, *process);
  parts_.events.tell(known);
}

void PoolWorkers::launch(const action::StartWorker& action, WorkerProcess& process, Fd channel) {
  const Launch& launch = launches_.of(action.generation, action.role);
  process.listen_notes().expect(accept_addresses(launch), launch.wire == Wire::kNode);
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
    process.set_output(std::make_unique<WorkerOutput>(
        shared_.loop, shared_.log, shared_.output, parts_.process_services.output_line_max,
        std::move(pipe.value().ours), action.role == WorkerRole::kTemplate));
    theirs = std::move(pipe.value().theirs);
  }
  const LaunchKey key{spawner_key_, action.worker.value};
  if (launch.wire == Wire::kNode) {
    shared_.spawner.launch(key, as_node_worker(launch, action.worker), std::move(channel), std::move(theirs));
  } else {
    shared_.spawner.launch(key, launch, std::move(channel), std::move(theirs));
  }
}

SendStatus PoolWorkers::send_fork(WorkerId from, const Fd& channel) {
  WorkerProcess* origin = parts_.processes.find(from);
  return origin == nullptr ? SendStatus::kGone : origin->dialect().fork(channel);
}

void PoolWorkers::fork_failed(WorkerId worker) {
  tell(event::WorkerExited{worker, Exit{Exit::Kind::kNotStarted, 0}});
}

void PoolWorkers::perform(const action::SendDrain& action) {
  if (WorkerProcess* worker = parts_.processes.find(action.worker)) worker->drain();
}

void PoolWorkers::perform(const action::SignalWorker& action) {
  if (WorkerProcess* worker = parts_.processes.find(action.worker)) worker->signal(action.signal);
}

void PoolWorkers::perform(const action::SendPing& action) {
  WorkerProcess* worker = parts_.processes.find(action.worker);
  if (worker == nullptr) return;
  // A full channel says the same as a ping without an answer: the worker has not read what it was sent. But
  // a shortage is not the worker's fault: it is asked again after ping_interval.
  if (worker->dialect().ping() == SendStatus::kNoResources) tell(event::WorkerPong{action.worker});
}

void PoolWorkers::perform(const action::SendYield& action) {
  // If this fails, the worker parks by itself a moment later.
  if (WorkerProcess* worker = parts_.processes.find(action.worker)) worker->dialect().yield();
}

void PoolWorkers::perform(const action::Measure& action) {
  const WorkerProcess* worker = parts_.processes.find(action.worker);
  if (worker == nullptr || worker->pid() == 0) return;
  const auto rss = resident_memory(worker->pid());
  if (rss) return tell(event::WorkerMeasured{action.worker, rss.value()});
  // The process is there, dead or alive, until it is reaped.
  if (std::exchange(memory_is_hidden_, true)) return;
  shared_.log.warn(
      "{}: recycle.rss does nothing, for the memory of workers cannot be read: {}; /proc must show the "
      "supervisor the processes of other users (see hidepid in proc(5))",
      LogSubject{.pool = parts_.process_services.pool}, rss.error().message());
}

void PoolWorkers::perform(const action::ForgetWorker& action) {
  forks_.forget(action.worker);
  std::unique_ptr<WorkerProcess> process = parts_.processes.take(action.worker);
  if (process == nullptr) return;
  if (process->from()) outputs_.worker_gone(process->from());
  if (process->output() != nullptr && process->output()->outlives_owner())
    outputs_.add(action.worker, process->take_output());
  forgotten_.push_back(std::move(process));
}

void PoolWorkers::send(const action::Dispatch& action, const Fd& socket) {
  WorkerProcess* worker = parts_.processes.find(action.worker);
  const SendStatus status = worker == nullptr ? SendStatus::kGone : worker->dialect().send(action, socket);
  if (status == SendStatus::kSent) return;
  if (status == SendStatus::kInvalid) parts_.reporter.cannot_send(action.ticket);
  tell(event::DispatchFailed{action.worker, action.ticket, to_cause(status)});
}

void PoolWorkers::destroy_forgotten() {
  forgotten_.clear();
  outputs_.destroy_ended();
}

void PoolWorkers::started(std::uint64_t worker, pid_t pid, Fd pidfd) {
  if (WorkerProcess* process = parts_.processes.find(WorkerId{worker}))
    process->started(pid, std::move(pidfd));
}

void PoolWorkers::not_started(std::uint64_t worker, const LaunchReply& reply) {
  WorkerProcess* process = parts_.processes.find(WorkerId{worker});
  if (process == nullptr) return;
  set_start_error(*process, reply);
  process->not_started();
}

void PoolWorkers::start_failed(std::uint64_t worker, const LaunchReply& reply) {
  if (WorkerProcess* process = parts_.processes.find(WorkerId{worker})) set_start_error(*process, reply);
}

void PoolWorkers::started_otherwise(std::uint64_t worker, const LaunchReply& reply) {
  const WorkerRow* row = parts_.core.workers().find(WorkerId{worker});
  if (row == nullptr || !launches_.first_started_otherwise(row->generation)) return;
  const Launch& launch = launches_.of(row->generation, row->role);
  const bool file = reply.step == LaunchStep::kOtherFile;
  shared_.log.warn(
      "{} runs {} than generation {} was started {}: {} was replaced, or its release was removed; a reload "
      "or a restart puts it on trial",
      parts_.reporter.name_of(row->id), file ? "another file" : "in another directory", row->generation,
      file ? "with" : "in", file ? launch.executable : launch.directory);
}

void PoolWorkers::set_start_error(WorkerProcess& process, const LaunchReply& reply) const {
  const WorkerRow* row = parts_.core.workers().find(process.id());
  if (row == nullptr) return;
  process.set_start_error(describe_failure(reply, launches_.of(row->generation, row->role)));
}

void PoolWorkers::write_state(PoolState& state) const {
  state.spawner_key = spawner_key_;
  state.launches = launches_.state();
  state.workers = parts_.processes.state();
  state.outputs = outputs_.state();
  state.forks = forks_.state();
}

void PoolWorkers::adopt(const PoolState& state, const Launches& configured) {
  launches_.adopt(state.launches, configured);
  for (const WorkerProcessState& worker : state.workers) {
    WorkerProcess& process = parts_.processes.add(std::make_unique<WorkerProcess>(
        parts_.process_services, static_cast<WorkerProcess::Owner&>(*this), worker));
    if (const WorkerRow* row = parts_.core.workers().find(worker.id)) {
      const Launch& launched = launches_.of(row->generation, row->role);
      process.listen_notes().expect(accept_addresses(launched), launched.wire == Wire::kNode);
      process.listen_notes().heard(process.note());
    }
  }
  outputs_.adopt(state.outputs);
  forks_.adopt(state.forks);
}

}  // namespace prefork
