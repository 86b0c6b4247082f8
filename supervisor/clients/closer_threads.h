// The threads that run the Closer's jobs, in the order of arrival. One thread works at a time; when its job
// takes long, another one goes on with the others. Jobs on the socket of such a job wait for
// it, so that none of them finds another socket under the same number. A thread touches nothing but the
// jobs and what is in here.
//
// A thread is confined as the one that starts it: begin() comes after root is given up and seccomp is
// installed.
#pragma once

#include <cstddef>
#include <memory>
#include <vector>

#include "supervisor/clients/socket_job.h"

namespace prefork {

class CloserThreads {
 public:
  /// A job that takes longer gets a signal, which ends a wait for SO_LINGER, and another thread goes on.
  static constexpr Duration kSlowAfter = std::chrono::milliseconds(50);
  /// A job that takes longer is stuck.
  static constexpr Duration kStuckAfter = std::chrono::seconds(1);
  /// With so many stuck jobs the others wait, too; the loop never does.
  static constexpr std::size_t kMaxThreads = 16;
  /// For so long a thread with nothing to do is not woken for jobs that have no waiter.
  static constexpr Duration kNap = std::chrono::milliseconds(2);
  /// After a close that a client has waited for: for so long it is not woken for any.
  static constexpr Duration kShortNap = std::chrono::microseconds(100);
  /// So many results of unhurried jobs are many.
  static constexpr std::size_t kMostUnhurried = 64;

  /// `results`: an eventfd that becomes readable when there are results.
  explicit CloserThreads(int results);
  ~CloserThreads();
  CloserThreads(const CloserThreads&) = delete;
  CloserThreads& operator=(const CloserThreads&) = delete;

  /// Starts the first thread. False: as add().
  [[nodiscard]] bool begin();
  /// Takes the jobs and leaves the vector empty. False: no thread could be started; check() tries again.
  [[nodiscard]] bool add(std::vector<SocketJob>& jobs);
  /// The finished jobs that have an owner; without kClose, which has no result.
  void take_results(std::vector<SocketJob>& into);
  /// The same, of unhurried jobs: for these `results` becomes readable only when there are many.
  void take_unhurried(std::vector<SocketJob>& into);
  /// To be called from time to time while not idle(). Interrupts what takes long, and adds the jobs that have
  /// become stuck. False: as add().
  [[nodiscard]] bool check(std::vector<SocketJob>& stuck);
  [[nodiscard]] bool idle();
  /// True: idle(), at the latest after `patience`.
  [[nodiscard]] bool wait_until_idle(Duration patience);

 private:
  struct Shared;
  std::unique_ptr<Shared> shared_;  ///< left to the threads when one is stuck for good
};

}  // namespace prefork
