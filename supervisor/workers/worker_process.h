// One worker as the kernel knows it: pid, pidfd, channel. Receives what it sends, which its Dialect tells as
// events; decides nothing. Its row in the core's table has the same id. The pool creates and owns it. Over
// 120 lines, for its life, its channel and its output begin and end together. Death is told by the pidfd,
// never by the channel, which a grandchild may hold open. At death the channel is read to its end first: the
// worker's last records decide which of its connections were begun.
#pragma once

#include <sys/types.h>

#include <cstddef>
#include <memory>
#include <optional>
#include <string>

#include "proto/channel.h"
#include "supervisor/clients/closer.h"
#include "supervisor/core/action.h"
#include "supervisor/core/event.h"
#include "supervisor/loop/log.h"
#include "supervisor/loop/loop.h"
#include "supervisor/loop/shared_turns.h"
#include "supervisor/state/worker_state.h"
#include "supervisor/system/oom_counter.h"
#include "supervisor/workers/child_table.h"
#include "supervisor/workers/dialect.h"
#include "supervisor/workers/listen_notes.h"
#include "supervisor/workers/spawner_link.h"
#include "supervisor/workers/unread_datagrams.h"
#include "supervisor/workers/worker_output.h"

namespace prefork {

class WorkerProcess final : private SharedTurns::Member, private Dialect::Listener {
 public:
  /// Event sink. The WorkerProcess must outlive each call.
  class Owner {
   public:
    virtual ~Owner() = default;
    virtual void tell(const Event& event) = 0;
    virtual void has_process(const WorkerProcess& worker) = 0;  ///< its pid is known now
    /// It has begun a connection that it has not finished.
    [[nodiscard]] virtual bool is_serving(const WorkerProcess& /*worker*/) const { return false; }
  };
  /// What the workers of one pool share. Outlives them.
  struct Services {
    const Loop& loop;
    Log& log;
    SpawnerLink& spawner;  ///< an unread answer may hold the pid, or say why the program did not run
    OomCounter& oom;
    Datagram& datagram;  ///< one for all workers: what handles it must cause no further receive
    ChildTable& children;
    SharedTurns& output;
    SharedTurns& deaths;  ///< what may come for many at once: Drain, ends of processes and of channels
    Closer& closer;       ///< of descriptors that workers send
    std::string pool;     ///< "web": the lines that its worker 4711 writes begin with "web[4711]"
    const std::size_t& output_line_max;  ///< see OutputLines; a reload may change it
    UnreadDatagrams unread = {};
  };

  /// `from`: the template that forks it; its first datagram names its process. Without one started() or
  /// not_started() follows. `dialect`: what it speaks.
  WorkerProcess(const Services& services, Owner& owner, WorkerId id, Channel channel, WorkerId from,
                const DialectState& dialect = {});
  /// One that exists already, at an upgrade in place.
  WorkerProcess(const Services& services, Owner& owner, const WorkerProcessState& state);
  [[nodiscard]] WorkerProcessState state() const;
  ~WorkerProcess()
      override;  ///< kills a process that still runs, which must not outlive its channel unnoticed
  WorkerProcess(const WorkerProcess&) = delete;
  WorkerProcess& operator=(const WorkerProcess&) = delete;

  /// The pipe that the worker writes to. Before started().
  void set_output(std::unique_ptr<WorkerOutput> output) { output_ = std::move(output); }
  [[nodiscard]] const WorkerOutput* output() const { return output_.get(); }
  [[nodiscard]] std::unique_ptr<WorkerOutput> take_output() { return std::move(output_); }

  /// The spawner's answer: there is a process, or it could not start one.
  void started(pid_t pid, Fd pidfd);
  void not_started();
  /// Why its program did not run, in words; for the death record.
  void set_start_error(std::string error) { start_error_ = std::move(error); }

  /// How it is asked for something. Not for drain().
  [[nodiscard]] Dialect& dialect() { return *dialect_; }
  /// Tells it to leave: soon, for many may have to leave at once.
  void drain();
  /// Before the pid is known the signal waits, and is sent as soon as there is a process.
  void signal(action::SignalWorker::Signal signal);
  [[nodiscard]] WorkerId id() const { return id_; }
  [[nodiscard]] WorkerId from() const { return from_; }
  [[nodiscard]] pid_t pid() const { return pid_; }  ///< 0 while unknown
  [[nodiscard]] bool awaits_identity() const { return life_ == Life::kUnidentified; }
  [[nodiscard]] const std::string& note() const { return note_; }  ///< what it is doing; printable
  /// For the protocol accept.
  [[nodiscard]] ListenNotes& listen_notes() { return listen_notes_; }
  [[nodiscard]] const ListenNotes& listen_notes() const { return listen_notes_; }
  /// Its process has ended, and another one has its end of the channel.
  [[nodiscard]] bool channel_is_held() const { return channel_is_held_; }
  /// Handles the datagram by which a forked worker introduces itself, if it has come.
  void hear_introduction();
  /// Tells when a signal has stopped or continued the process since it was last asked.
  void look_for_stop();

 private:
  enum class Life {
    kRequested,     ///< the spawner has not answered: no pid yet
    kUnidentified,  ///< forked by a template, and no datagram has come: no pid yet
    kRunning,       ///< pid and pidfd are known
    kKilled,        ///< running, and we have sent SIGKILL
    kOver,          ///< WorkerExited has been told
  };

  [[nodiscard]] std::unique_ptr<Dialect> make_dialect(const DialectState& state);
  void is_running(pid_t pid, Fd pidfd);
  [[nodiscard]] static Life life_in(const WorkerProcessState& state);
  void on_readable();
  void on_exit();
  void take_turn();
  void step() override;  ///< of SharedTurns: its process has ended, or its channel, or it has to leave
  void bury();
  void end_children();
  enum class Got { kSome, kNothing, kTryLater };  ///< kTryLater: memory is short
  [[nodiscard]] Got read_last_records();
  Got receive_one();
  void handle_datagram(bool descriptors);
  [[nodiscard]] bool discard_descriptors();  ///< they are closed outside the loop: a close may wait
  void learn_identity();
  /// The pidfd of the sender of the first datagram, if that may be this worker.
  Fd identify(pid_t sender);
  /// Of a forked worker that has not introduced itself: closes its channel, which ends the process.
  void disown();
  void close_channel();
  // Dialect::Listener
  void tell(const Event& event) override { owner_.tell(event); }
  void violated(const std::string& what) override;
  void noted(std::string note) override {
    note_ = std::move(note);
    listen_notes_.heard(note_);
  }
  void channel_ended();
  void send_to_process(action::SignalWorker::Signal signal);
  void end(Exit exit);

  const Services& services_;
  Owner& owner_;
  WorkerId id_;
  WorkerId from_;
  Channel channel_;
  std::unique_ptr<Dialect> dialect_;
  Fd pidfd_;
  pid_t pid_ = 0;
  ChildTable::Entry child_;  ///< from started() until its end
  Life life_;
  bool violated_ = false;  ///< in any life: further violations are not told
  bool silent_ = true;     ///< no datagram has come
  bool waits_ = false;     ///< for its turn, or has it
  bool channel_end_untold_ = false;
  bool drain_due_ = false;
  std::optional<action::SignalWorker::Signal> pending_signal_;  ///< in kRequested
  std::string start_error_;
  std::string note_;
  ListenNotes listen_notes_;
  bool channel_is_held_ = false;
  std::unique_ptr<WorkerOutput> output_;  ///< null: its output is not captured
  ReadWatcher channel_watcher_;           ///< until the channel ends
  ReadWatcher exit_watcher_;
};

}  // namespace prefork
