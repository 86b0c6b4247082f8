#include "supervisor/workers/worker_process.h"

#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <csignal>
#include <utility>

namespace prefork {
namespace {

int send_signal(const Fd& pidfd, int number) {
  return static_cast<int>(::syscall(SYS_pidfd_send_signal, pidfd.get(), number, nullptr, 0));
}

Exit to_exit(const siginfo_t& status) {
  if (status.si_code == CLD_EXITED) return Exit{Exit::Kind::kExited, status.si_status};
  return Exit{Exit::Kind::kSignaled, status.si_status};
}

std::optional<std::uint32_t> foreign_version(std::uint32_t version) {
  return version == kProtocolVersion ? std::nullopt : std::optional(version);
}

}  // namespace

WorkerProcess::WorkerProcess(const Loop& loop, Owner& owner, WorkerId id, Channel channel,
                             bool forked_by_template)
    : owner_(owner),
      id_(id),
      channel_(std::move(channel)),
      awaits_identity_(forked_by_template),
      channel_watcher_(loop),
      exit_watcher_(loop) {
  channel_.refuse_descriptors();
  if (forked_by_template) {
    if (auto identified = channel_.identify_sender(true); !identified)
      owner_.log().error("{}", identified.error().message());
  }
  channel_watcher_.start(channel_.descriptor(), Callback::to<&WorkerProcess::on_readable>(*this));
}

WorkerProcess::WorkerProcess(const Loop& loop, Owner& owner, const WorkerProcessState& state)
    : owner_(owner),
      id_(state.id),
      channel_(Fd(static_cast<int>(state.channel))),
      pidfd_(static_cast<int>(state.pidfd)),
      pid_(static_cast<pid_t>(state.pid)),
      awaits_identity_(state.awaits_identity),
      violated_(state.violated),
      pending_signal_(state.pending_signal),
      start_error_(state.start_error),
      note_(state.note),
      kill_sent_(state.kill_sent),
      channel_watcher_(loop),
      exit_watcher_(loop) {
  if (state.listened_to) {
    channel_watcher_.start(channel_.descriptor(), Callback::to<&WorkerProcess::on_readable>(*this));
  }
  if (pidfd_.valid()) exit_watcher_.start(pidfd_.get(), Callback::to<&WorkerProcess::on_exit>(*this));
  if (state.output.pipe != Carried::kNone)
    output_ = std::make_unique<WorkerOutput>(loop, owner_.log(), state.output);
}

WorkerProcessState WorkerProcess::state() const {
  WorkerProcessState state;
  state.id = id_;
  state.channel = Carried{channel_.descriptor()};
  state.pidfd = Carried{pidfd_.get()};
  state.pid = pid_;
  state.listened_to = channel_watcher_.active();
  state.awaits_identity = awaits_identity_;
  state.violated = violated_;
  state.kill_sent = kill_sent_;
  state.pending_signal = pending_signal_;
  state.start_error = start_error_;
  state.note = note_;
  if (output_) state.output = output_->state();
  return state;
}

WorkerProcess::~WorkerProcess() {
  if (pidfd_.valid() && !reaped_) (void)send_signal(pidfd_, SIGKILL);
}

void WorkerProcess::started(pid_t pid, Fd pidfd) {
  pid_ = pid;
  pidfd_ = std::move(pidfd);
  // Without room for one more descriptor the pidfd was lost on the way. The pid is safe to use: nobody else
  // reaps it.
  if (!pidfd_.valid()) pidfd_.reset(static_cast<int>(::syscall(SYS_pidfd_open, pid, 0)));
  if (!pidfd_.valid()) {
    (void)::kill(pid, SIGKILL);  // reaped with what nobody knows
    start_error_ = "no descriptor is free to watch it with";
    hear_last_words();
    return not_started();
  }
  if (output_) output_->start(owner_.output_name(*this));
  exit_watcher_.start(pidfd_.get(), Callback::to<&WorkerProcess::on_exit>(*this));
  owner_.has_process(*this);
  if (pending_signal_) signal(*pending_signal_);
}

void WorkerProcess::not_started() {
  reaped_ = true;
  over_ = true;
  owner_.tell(event::WorkerExited{id_, Exit{Exit::Kind::kNotStarted, 0}});
}

void WorkerProcess::signal(action::SignalWorker::Signal signal) {
  using Signal = action::SignalWorker::Signal;
  if (awaits_identity_) {
    // Forked, and never heard of: it sees the end of its channel and leaves. There is nobody to wait for.
    channel_watcher_.stop();
    channel_.close();
    return vanish();
  }
  if (!pidfd_.valid()) {
    pending_signal_ = signal;
    return;
  }
  if (signal == Signal::kKill) {
    kill_sent_ = true;
    (void)send_signal(pidfd_, SIGKILL);
    return;
  }
  (void)send_signal(pidfd_, signal == Signal::kAbort ? SIGABRT : SIGTERM);
  // A stopped process would not see the signal before somebody continues it.
  (void)send_signal(pidfd_, SIGCONT);
}

void WorkerProcess::on_readable() {
  // One datagram each time round the loop: to ask again at once costs a call that mostly finds nothing, and
  // no worker can keep the loop to itself.
  (void)receive_one();
}

bool WorkerProcess::receive_one() {
  switch (channel_.receive(owner_.datagram())) {
    case ReceiveStatus::kDatagram: handle_datagram(); return true;
    case ReceiveStatus::kEmpty: return false;
    case ReceiveStatus::kEnd: channel_ended(); return false;
    case ReceiveStatus::kZeroLength: violated("a datagram of 0 bytes"); return true;
    case ReceiveStatus::kTruncated: violated("a datagram of more than 2048 bytes"); return true;
  }
  return false;
}

void WorkerProcess::handle_datagram() {
  Datagram& datagram = owner_.datagram();
  bool introduces = awaits_identity_;
  if (introduces) learn_identity();
  if (datagram.descriptors() > 0) return violated("a descriptor attached; workers may not send any");
  DatagramReader reader(datagram.bytes());
  while (const auto message = reader.next()) {
    // A Note that comes before all else is there for the sender's name on it.
    if (!std::exchange(introduces, false) || message->record.kind != RecordKind::kNote) handle(*message);
  }
  if (!reader.malformed().empty()) violated(reader.malformed());
}

void WorkerProcess::handle(const Message& message) {
  const Record& record = message.record;
  const Ticket ticket{record.ticket};
  switch (record.kind) {
    case RecordKind::kReady:
      // The spawner's word of its pid may still lie unread.
      if (pid_ == 0) owner_.hear_spawner();
      return owner_.tell(event::WorkerReady{id_, record.ticket, foreign_version(record.value)});
    case RecordKind::kBusy: return owner_.tell(event::WorkerBusy{id_, ticket});
    case RecordKind::kIdle: return owner_.tell(event::WorkerIdle{id_, ticket});
    case RecordKind::kRefused: return owner_.tell(event::WorkerRefused{id_, ticket});
    case RecordKind::kProgress: return owner_.tell(event::WorkerProgress{id_, ticket});
    case RecordKind::kNote: note_ = printable(message.text, kMaxNoteLength); return;
    case RecordKind::kPong: return owner_.tell(event::WorkerPong{id_});
    case RecordKind::kPark: return owner_.tell(event::WorkerParked{id_, ticket});
    case RecordKind::kLoad: return owner_.tell(event::WorkerLoad{id_, record.value});
    case RecordKind::kConnection:
    case RecordKind::kYield:
    case RecordKind::kPing:
    case RecordKind::kDrain:
    case RecordKind::kFork:
      return violated("record " + std::string(to_string(record.kind)) + ", which nobody asked for");
  }
}

void WorkerProcess::learn_identity() {
  const auto sender = owner_.datagram().sender();
  if (!sender) return;
  awaits_identity_ = false;
  (void)channel_.identify_sender(false);
  // The pid cannot have been given to a stranger: we are its parent, or will be, and while somebody's
  // identity is awaited no unknown child is reaped.
  Fd pidfd(static_cast<int>(::syscall(SYS_pidfd_open, *sender, 0)));
  if (pidfd.valid()) {
    started(*sender, std::move(pidfd));
    return owner_.tell(event::WorkerIntroduced{id_});
  }
  channel_watcher_.stop();
  vanish();
}

void WorkerProcess::violated(const std::string& what) {
  if (std::exchange(violated_, true)) return;  // dead to us already
  owner_.log().error("{} broke the protocol and is killed: it sent {}", owner_.name_of(*this), what);
  owner_.tell(event::WorkerViolated{id_});
}

void WorkerProcess::channel_ended() {
  channel_watcher_.stop();
  if (awaits_identity_) return vanish();
  owner_.tell(event::ChannelClosed{id_});
}

void WorkerProcess::vanish() {
  if (std::exchange(over_, true)) return;
  owner_.tell(event::WorkerExited{id_, Exit{Exit::Kind::kVanished, 0}});
}

void WorkerProcess::hear_last_words() {
  // What it said last decides which of its connections were begun.
  for (int i = 0; i < kDatagramsAtDeath && channel_watcher_.active() && receive_one(); ++i) {
  }
  channel_watcher_.stop();
}

void WorkerProcess::on_exit() {
  exit_watcher_.stop();
  owner_.hear_spawner();
  hear_last_words();
  if (output_) output_->finish();
  siginfo_t status{};
  int waited = 0;
  do {
    waited = ::waitid(P_PIDFD, static_cast<id_t>(pidfd_.get()), &status, WEXITED | WNOHANG);
  } while (waited < 0 && errno == EINTR);
  reaped_ = true;
  if (std::exchange(over_, true)) return;
  const bool known = waited == 0 && status.si_pid != 0;
  Exit exit = known ? to_exit(status) : Exit{Exit::Kind::kVanished, 0};
  const bool foreign_kill = exit.kind == Exit::Kind::kSignaled && exit.value == SIGKILL && !kill_sent_;
  if (foreign_kill && owner_.take_oom_kill()) exit.kind = Exit::Kind::kOutOfMemory;
  owner_.tell(event::WorkerExited{id_, exit});
}

}  // namespace prefork
