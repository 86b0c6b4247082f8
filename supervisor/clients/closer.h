// Makes the calls on client sockets that can wait, in threads of its own, so that the loop never waits. It is
// handed jobs, which go to the threads together when the loop is about to sleep, and tells their results in
// the loop. A job that takes a second is stuck, which its owner is told; the others go on. Supervisor owns
// it; all pools use it.
#pragma once

#include <cstdint>
#include <unordered_map>
#include <vector>

#include "proto/fd.h"
#include "supervisor/clients/closer_threads.h"
#include "supervisor/clients/socket_job.h"
#include "supervisor/loop/log.h"
#include "supervisor/loop/loop.h"

namespace prefork {

class Closer {
 public:
  /// Is told what became of its jobs.
  class Owner {
   public:
    virtual ~Owner() = default;
    /// Not for kClose.
    virtual void done(SocketJob& job) = 0;
    /// The job has waited for a second. If it ends, done() follows, with `late`.
    virtual void stuck(const SocketJob& job) = 0;
  };

  Closer(const Loop& loop, Log& log);

  /// Starts the first thread. When this process is confined: a thread has what its creator has.
  void begin();

  /// The key for the owner's jobs, and the end of its interest in them.
  [[nodiscard]] std::uint64_t add(Owner& owner);
  void remove(std::uint64_t owner) { owners_.erase(owner); }

  void submit(SocketJob job);
  /// Tells what has become of unhurried jobs. Otherwise it is told later, with that of others.
  void take_unhurried();
  /// Closes a descriptor whose close() can wait.
  void close(Fd descriptor) { submit({.what = SocketJob::What::kClose, .socket = descriptor.release()}); }

  /// No job is under way.
  [[nodiscard]] bool idle() { return outbox_.empty() && threads_.idle(); }
  /// Waits until all jobs are done and told, and then returns true; for `patience` at most. For an upgrade in
  /// place: a thread that waits for a lock would keep exec() waiting.
  [[nodiscard]] bool settle(Duration patience);

 private:
  void hand_over();
  void on_results();
  void tell(std::vector<SocketJob>& results);
  void on_timer();
  void complain();

  Log& log_;
  Fd results_event_;
  std::vector<SocketJob> outbox_;
  std::vector<SocketJob> results_, unhurried_;  ///< empty; they keep their memory
  std::unordered_map<std::uint64_t, Owner*> owners_;
  std::uint64_t last_owner_ = 0;
  Instant last_complaint_;
  CloserThreads threads_;
  ReadWatcher watcher_;
  TimerWatcher timer_;
  BeforeSleepWatcher before_sleep_;
};

}  // namespace prefork
