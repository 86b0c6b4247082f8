#include "supervisor/workers/worker_process.h"

#include <sys/wait.h>

#include <cerrno>
#include <csignal>
#include <utility>

#include "supervisor/system/child_exit.h"
#include "supervisor/system/child_process.h"
#include "supervisor/system/clock.h"
#include "supervisor/system/signal_child.h"
#include "supervisor/system/socket.h"
#include "supervisor/workers/classic_dialect.h"
#include "supervisor/workers/native_dialect.h"
#include "supervisor/workers/node_dialect.h"

namespace prefork {
namespace {

constexpr int kDatagramsAtDeath = 4096;

}  // namespace

WorkerProcess::WorkerProcess(const Services& services, Owner& owner, WorkerId id, Channel channel,
                             WorkerId from, const DialectState& dialect)
    : services_(services),
      owner_(owner),
      id_(id),
      from_(from),
      channel_(std::move(channel)),
      dialect_(make_dialect(dialect)),
      life_(from ? Life::kUnidentified : Life::kRequested),
      channel_watcher_(services.loop),
      exit_watcher_(services.loop) {
  channel_.refuse_descriptors();
  if (from) {
    if (auto identified = channel_.identify_sender(true); !identified)
      services_.log.error("{}", identified.error().message());
  }
  channel_watcher_.start(channel_.descriptor(), Callback::to<&WorkerProcess::on_readable>(*this));
}

WorkerProcess::WorkerProcess(const Services& services, Owner& owner, const WorkerProcessState& state)
    : services_(services),
      owner_(owner),
      id_(state.id),
      from_(state.from),
      channel_(Fd(static_cast<int>(state.channel))),
      dialect_(make_dialect(state.dialect)),
      pidfd_(static_cast<int>(state.pidfd)),
      pid_(static_cast<pid_t>(state.pid)),
      life_(life_in(state)),
      violated_(state.violated),
      silent_(state.silent),
      pending_signal_(state.pending_signal),
      start_error_(state.start_error),
      note_(state.note),
      channel_watcher_(services.loop),
      exit_watcher_(services.loop) {
  if (state.listened_to) {
    channel_watcher_.start(channel_.descriptor(), Callback::to<&WorkerProcess::on_readable>(*this));
  }
  if (state.drain_due) dialect_->drain();
  if (pidfd_.valid()) {
    child_ = services_.children.add(pid_);
    exit_watcher_.start(pidfd_.get(), Callback::to<&WorkerProcess::on_exit>(*this));
  }
  if (state.output.pipe != Carried::kNone)
    output_ = std::make_unique<WorkerOutput>(services.loop, services.log, services.output,
                                             services.output_line_max, state.output);
}

std::unique_ptr<Dialect> WorkerProcess::make_dialect(const DialectState& state) {
  const Dialect::Worker self{id_, channel_, services_.unread, static_cast<Dialect::Listener&>(*this)};
  if (state.wire == Wire::kClassic) return std::make_unique<ClassicDialect>(self, state);
  if (state.wire == Wire::kNode) return std::make_unique<NodeDialect>(self, state);
  return std::make_unique<NativeDialect>(self, state);
}

WorkerProcess::Life WorkerProcess::life_in(const WorkerProcessState& state) {
  if (state.awaits_identity) return Life::kUnidentified;
  if (state.pidfd == Carried::kNone) return Life::kRequested;
  return state.kill_sent ? Life::kKilled : Life::kRunning;
}

WorkerProcessState WorkerProcess::state() const {
  WorkerProcessState state;
  state.id = id_;
  state.from = from_;
  state.channel = Carried{channel_.descriptor()};
  state.pidfd = Carried{pidfd_.get()};
  state.pid = pid_;
  state.listened_to = channel_watcher_.active() || channel_end_untold_;  // its end can be read again
  state.awaits_identity = life_ == Life::kUnidentified;
  state.violated = violated_;
  state.silent = silent_;
  state.kill_sent = life_ == Life::kKilled;
  state.drain_due = drain_due_;
  state.pending_signal = pending_signal_;
  state.start_error = start_error_;
  state.note = note_;
  if (output_) state.output = output_->state();
  state.dialect = dialect_->state();
  return state;
}

WorkerProcess::~WorkerProcess() {
  if (waits_) services_.deaths.forget(*this);
  if (channel_.open()) close_channel();
  switch (life_) {
    case Life::kRunning:
    case Life::kKilled: (void)signal_child(pidfd_, pid_, SIGKILL); return;  // the sweep reaps it
    case Life::kRequested:
    case Life::kUnidentified:
    case Life::kOver: return;
  }
}

void WorkerProcess::started(pid_t pid, Fd pidfd) {
  is_running(pid, std::move(pidfd));
  if (life_ == Life::kRunning) dialect_->begin();
}

void WorkerProcess::is_running(pid_t pid, Fd pidfd) {
  pid_ = pid;
  child_ = services_.children.add(pid);
  pidfd_ = std::move(pidfd);
  if (!pidfd_.valid()) pidfd_ = open_child(pid);  // no descriptor was free for it when it came
  if (!pidfd_.valid()) {
    (void)signal_child(Fd(), pid, SIGKILL);  // the sweep reaps it
    start_error_ = "no descriptor is free to watch it with";
    (void)read_last_records();
    return not_started();
  }
  life_ = Life::kRunning;
  if (output_) output_->start(services_.pool + "[" + std::to_string(pid) + "]");
  exit_watcher_.start(pidfd_.get(), Callback::to<&WorkerProcess::on_exit>(*this));
  owner_.has_process(*this);
  if (const auto pending = std::exchange(pending_signal_, std::nullopt)) signal(*pending);
}

void WorkerProcess::not_started() { end(Exit{Exit::Kind::kNotStarted, 0}); }

void WorkerProcess::signal(action::SignalWorker::Signal signal) {
  switch (life_) {
    case Life::kRequested: pending_signal_ = signal; return;
    case Life::kUnidentified:
      // The process, if there is one, sees the end of its channel and exits. There is no exit to wait for.
      return disown();
    case Life::kRunning:
    case Life::kKilled: return send_to_process(signal);
    case Life::kOver: return;
  }
}

void WorkerProcess::send_to_process(action::SignalWorker::Signal signal) {
  using Signal = action::SignalWorker::Signal;
  if (signal == Signal::kKill) {
    life_ = Life::kKilled;
    (void)signal_child(pidfd_, pid_, SIGKILL);
    return;
  }
  (void)signal_child(pidfd_, pid_, signal == Signal::kAbort ? SIGABRT : SIGTERM);
  // A stopped process handles the signal only after it is continued.
  (void)signal_child(pidfd_, pid_, SIGCONT);
}

void WorkerProcess::on_readable() {
  // The spawner's answer with its pid may still be unread. It is heard before anything is received: an
  // answer about another worker can cause its last records to be received, into the same datagram. An answer
  // about this worker can end it.
  if (life_ == Life::kRequested) services_.spawner.hear();
  if (!channel_watcher_.active()) return;
  // One datagram each time round the loop: a second call would mostly find nothing, and no worker can keep
  // the loop to itself.
  if (receive_one() == Got::kTryLater) channel_watcher_.pause();
}

bool WorkerProcess::discard_descriptors() {
  const bool any = services_.datagram.descriptors() > 0;
  while (services_.datagram.descriptors() > 0) services_.closer.close(services_.datagram.take_descriptor());
  return any;
}

WorkerProcess::Got WorkerProcess::receive_one() {
  const ReceiveStatus status = channel_.receive(services_.datagram);
  const bool descriptors = discard_descriptors();
  switch (status) {
    case ReceiveStatus::kDatagram: handle_datagram(descriptors); return Got::kSome;
    case ReceiveStatus::kEmpty: return Got::kNothing;
    case ReceiveStatus::kEnd: channel_ended(); return Got::kNothing;
    case ReceiveStatus::kZeroLength: violated("a datagram of 0 bytes"); return Got::kSome;
    case ReceiveStatus::kTruncated: violated("a datagram of more than 2048 bytes"); return Got::kSome;
    case ReceiveStatus::kNoResources: return Got::kTryLater;
  }
  return Got::kNothing;
}

void WorkerProcess::handle_datagram(bool descriptors) {
  silent_ = false;
  const Datagram& datagram = services_.datagram;
  const bool introduces = awaits_identity();
  if (introduces) learn_identity();
  if (life_ == Life::kOver) return;
  if (descriptors) return violated("a descriptor; workers may not send any");
  dialect_->hear(datagram.bytes(), introduces);
}

void WorkerProcess::hear_introduction() {
  if (awaits_identity()) (void)receive_one();
}

void WorkerProcess::learn_identity() {
  const auto sender = services_.datagram.sender();
  if (!sender) return;
  (void)channel_.identify_sender(false);
  Fd pidfd = identify(*sender);
  if (!pidfd.valid()) return;
  is_running(*sender, std::move(pidfd));
  owner_.tell(event::WorkerIntroduced{id_});
  if (life_ == Life::kRunning) dialect_->begin();
}

Fd WorkerProcess::identify(pid_t sender) {
  // Before Linux 6.5 the pid is all there is, and it may be another process's by now.
  std::optional<Fd> exact = services_.datagram.take_sender_pidfd();
  Fd pidfd = exact ? std::move(*exact) : open_pidfd(sender);
  const bool known = services_.children.contains(sender) || sender == services_.spawner.pid() ||
                     sender == services_.spawner.standby_pid();
  if (pidfd.valid() && is_child(pidfd) && !known) return pidfd;
  if (!pidfd.valid()) {
    // It has died already, no descriptor is free, or the rules of a container deny the call.
    if (!exact && errno != ESRCH) start_error_ = system_error("it cannot be watched: pidfd_open").message();
  } else {
    violated("an introduction by process " + std::to_string(sender) +
             (known ? ", which is another worker" : ", which is not a child of the supervisor"));
  }
  if (life_ == Life::kUnidentified) disown();
  return Fd();
}

void WorkerProcess::close_channel() {
  channel_watcher_.stop();
  Fd channel = channel_.release();
  // What is unread in it may be a descriptor, and its close may wait. Where the kernel refuses descriptors it
  // is closed here: libev forgets a descriptor when it is closed, and may still have an event of it
  // meanwhile.
  if (may_hold_descriptors(channel)) services_.closer.close(std::move(channel));
}

void WorkerProcess::disown() {
  close_channel();
  end(Exit{Exit::Kind::kVanished, 0});
}

void WorkerProcess::look_for_stop() {
  if (!pidfd_.valid() || life_ == Life::kOver) return;
  siginfo_t state{};
  const int waited =
      ::waitid(P_PIDFD, static_cast<id_t>(pidfd_.get()), &state, WSTOPPED | WCONTINUED | WNOHANG);
  if (waited == 0 && state.si_pid != 0) owner_.tell(event::WorkerStopped{id_, state.si_code == CLD_STOPPED});
}

void WorkerProcess::violated(const std::string& what) {
  if (std::exchange(violated_, true)) return;
  owner_.tell(event::WorkerViolated{id_, what});
}

void WorkerProcess::channel_ended() {
  channel_watcher_.stop();
  switch (life_) {
    case Life::kUnidentified: return end(Exit{Exit::Kind::kVanished, 0});
    case Life::kRequested:
    case Life::kRunning:
    case Life::kKilled: channel_end_untold_ = true; return take_turn();
    case Life::kOver: return;
  }
}

WorkerProcess::Got WorkerProcess::read_last_records() {
  Got got = Got::kSome;
  for (int i = 0; i < kDatagramsAtDeath && channel_watcher_.active() && got == Got::kSome; ++i)
    got = receive_one();
  channel_is_held_ = got == Got::kNothing && channel_watcher_.active();  // else it has ended
  if (got != Got::kTryLater) channel_watcher_.stop();
  return got;
}

void WorkerProcess::on_exit() {
  exit_watcher_.stop();
  take_turn();
}

void WorkerProcess::drain() {
  drain_due_ = true;
  take_turn();
}

void WorkerProcess::take_turn() {
  if (!std::exchange(waits_, true)) (void)services_.deaths.request(*this);
}

void WorkerProcess::step() {
  if (life_ != Life::kOver) {
    if (pidfd_.valid() && !is_unfinished_child(pid_)) {
      bury();
    } else {
      // If this fails, the worker is signalled when its deadline passes.
      if (std::exchange(drain_due_, false)) dialect_->drain();
      // A debugger may hold back an end that the pidfd has told.
      if (pidfd_.valid() && !exit_watcher_.active()) exit_watcher_.pause();
      if (std::exchange(channel_end_untold_, false)) owner_.tell(event::ChannelClosed{id_});
    }
  }
  waits_ = false;
}

void WorkerProcess::bury() {
  services_.spawner.hear();
  // They decide which connections it had begun: it is not buried before they are read.
  if (read_last_records() == Got::kTryLater) return exit_watcher_.pause();
  exit_watcher_.stop();
  if (output_) output_->finish();
  end_children();
  Exit exit = reap(pidfd_);
  const bool killed = exit.kind == Exit::Kind::kSignaled && exit.value == SIGKILL;
  if (killed && life_ != Life::kKilled && services_.oom.take_kill(current_time()))
    exit.kind = Exit::Kind::kOutOfMemory;
  end(exit);
}

/// A server that is killed cannot end its children, and one that leaves may forget them. Its process group is
/// meant by the number: no other group gets it while the process is not reaped.
void WorkerProcess::end_children() {
  if (listen_notes_.expected().empty()) return;
  if (life_ == Life::kKilled) {
    (void)::kill(-pid_, SIGKILL);
  } else if (!owner_.is_serving(*this)) {
    (void)::kill(-pid_, SIGTERM);
  }
}

void WorkerProcess::end(Exit exit) {
  life_ = Life::kOver;
  child_ = {};
  channel_watcher_.stop();
  const bool silent = silent_ && dialect_->speaks_first();
  owner_.tell(event::WorkerExited{id_, exit, silent, dialect_->received_none(), start_error_});
}

}  // namespace prefork
