// One worker as the kernel knows it: pid, pidfd, channel. Receives its records and tells them as events;
// knows nothing of policy. Its row in the core's table has the same id.
//
// Death is told by the pidfd, never by the channel, which a grandchild may hold open. At death the channel is
// read to its end first: the worker's last records decide what was begun.
#pragma once

#include <sys/types.h>

#include <memory>
#include <optional>
#include <string>
#include <utility>

#include "proto/channel.h"
#include "supervisor/core/action.h"
#include "supervisor/core/event.h"
#include "supervisor/core/ids.h"
#include "supervisor/loop/log.h"
#include "supervisor/loop/loop.h"
#include "supervisor/state/worker_state.h"
#include "supervisor/workers/worker_output.h"

namespace prefork {

class WorkerProcess {
 public:
  class Owner {
   public:
    virtual ~Owner() = default;
    /// The WorkerProcess must outlive the call.
    virtual void tell(const Event& event) = 0;
    /// Its pid is known now.
    virtual void has_process(const WorkerProcess& worker) = 0;
    /// Reads what the spawner has to say: the reason why a process ended before its program ran.
    virtual void hear_spawner() = 0;
    /// Where datagrams are received into: one for all workers, for one is handled before the next is
    /// received.
    [[nodiscard]] virtual Datagram& datagram() = 0;
    [[nodiscard]] virtual Log& log() = 0;
    /// "pool web: worker 3 (pid 4711)".
    [[nodiscard]] virtual std::string name_of(const WorkerProcess& worker) const = 0;
    /// "web[4711]": what stands before the lines that it writes.
    [[nodiscard]] virtual std::string output_name(const WorkerProcess& worker) const = 0;
    /// Whether the kernel has just killed a process for want of memory, which nobody has been told yet.
    [[nodiscard]] virtual bool take_oom_kill() = 0;
  };

  /// `forked_by_template`: who it is, is learned from its first datagram. Otherwise started() or failed()
  /// follows.
  WorkerProcess(const Loop& loop, Owner& owner, WorkerId id, Channel channel, bool forked_by_template);
  /// One that runs already, at an upgrade in place.
  WorkerProcess(const Loop& loop, Owner& owner, const WorkerProcessState& state);
  [[nodiscard]] WorkerProcessState state() const;
  /// Kills a process that is still there: it must not outlive its channel unnoticed. Reaping is left to the
  /// sweep.
  ~WorkerProcess();
  WorkerProcess(const WorkerProcess&) = delete;
  WorkerProcess& operator=(const WorkerProcess&) = delete;

  /// What it writes is read from there. Before started().
  void set_output(std::unique_ptr<WorkerOutput> output) { output_ = std::move(output); }
  [[nodiscard]] const WorkerOutput* output() const { return output_.get(); }
  [[nodiscard]] std::unique_ptr<WorkerOutput> take_output() { return std::move(output_); }

  /// The spawner's answer: there is a process.
  void started(pid_t pid, Fd pidfd);
  /// The spawner's answer: it could not start one.
  void not_started();
  /// Why its program did not run, in words; for the death record.
  void set_start_error(std::string error) { start_error_ = std::move(error); }
  [[nodiscard]] const std::string& start_error() const { return start_error_; }

  [[nodiscard]] SendStatus send(const Record& record) { return channel_.send(record); }
  [[nodiscard]] SendStatus send(const Record& record, const Fd& attached) {
    return channel_.send(record, attached);
  }
  /// A signal to a process that is not there yet is sent as soon as it is.
  void signal(action::SignalWorker::Signal signal);

  [[nodiscard]] WorkerId id() const { return id_; }
  /// 0 while unknown.
  [[nodiscard]] pid_t pid() const { return pid_; }
  [[nodiscard]] bool awaits_identity() const { return awaits_identity_ && !over_; }
  /// What the worker says that it is doing: printable, possibly empty.
  [[nodiscard]] const std::string& note() const { return note_; }

 private:
  static constexpr int kDatagramsAtDeath = 4096;

  void on_readable();
  void on_exit();
  void hear_last_words();
  /// Handles one datagram. False: there is nothing more to read.
  bool receive_one();
  void handle_datagram();
  void handle(const Message& message);
  void learn_identity();
  void violated(const std::string& what);
  void channel_ended();
  void vanish();

  Owner& owner_;
  WorkerId id_;
  Channel channel_;
  Fd pidfd_;
  pid_t pid_ = 0;
  bool awaits_identity_;
  bool reaped_ = false;
  bool violated_ = false;
  bool over_ = false;  ///< WorkerExited has been told
  std::optional<action::SignalWorker::Signal> pending_signal_;
  std::string start_error_;
  std::string note_;
  bool kill_sent_ = false;
  std::unique_ptr<WorkerOutput> output_;  ///< null: it has none of its own
  ReadWatcher channel_watcher_;
  ReadWatcher exit_watcher_;
};

}  // namespace prefork
