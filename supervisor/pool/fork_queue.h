// The requests to templates to fork a worker that have not been sent yet, each with the worker's end of its
// channel. A template with a full channel is tried again shortly; each fork makes room. PoolWorkers owns it.
#pragma once

#include <deque>
#include <vector>

#include "proto/channel.h"
#include "proto/fd.h"
#include "supervisor/core/ids.h"
#include "supervisor/loop/loop.h"
#include "supervisor/state/worker_state.h"

namespace prefork {

class ForkQueue {
 public:
  static constexpr Duration kRetry = std::chrono::milliseconds(2);

  class Owner {
   public:
    virtual ~Owner() = default;
    /// Asks the template to fork a worker whose channel is `channel`.
    [[nodiscard]] virtual SendStatus send_fork(WorkerId from, const Fd& channel) = 0;
    /// The template is gone or cannot be asked: there is no process for the worker, and there will be none.
    /// May add() and forget() requests.
    virtual void fork_failed(WorkerId worker) = 0;
  };

  ForkQueue(const Loop& loop, Owner& owner) : owner_(owner), timer_(loop) {}

  /// Sends the request when the template has room for it.
  void add(WorkerId worker, WorkerId from, Fd channel);
  /// Drops the request for this worker, if it has not been sent.
  void forget(WorkerId worker);
  /// Sends what the templates have room for, in order.
  void send();
  [[nodiscard]] bool empty() const { return forks_.empty(); }

  // For an upgrade in place.
  [[nodiscard]] std::vector<ForkState> state() const;
  /// Sends nothing before send().
  void adopt(const std::vector<ForkState>& states);

 private:
  struct Fork {
    WorkerId worker;
    WorkerId from;
    Fd channel;
  };

  Owner& owner_;
  std::deque<Fork> forks_;
  TimerWatcher timer_;
};

}  // namespace prefork
