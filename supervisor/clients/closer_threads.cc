#include "supervisor/clients/closer_threads.h"

#include <sys/eventfd.h>

#include <algorithm>
#include <condition_variable>
#include <csignal>
#include <list>
#include <mutex>
#include <optional>
#include <system_error>
#include <thread>
#include <utility>

#include "supervisor/clients/job_queue.h"
#include "supervisor/system/clock.h"

namespace prefork {
namespace {

/// Its default is to be ignored, and it has no other use here.
constexpr int kInterrupt = SIGURG;

void do_nothing(int /*signal*/) {}

/// What is told of a job while it runs.
SocketJob outline_of(const SocketJob& job) {
  return {.what = job.what,
          .socket = job.socket,
          .owner = job.owner,
          .number = job.number,
          .ticket = job.ticket,
          .worker = job.worker};
}

}  // namespace

struct CloserThreads::Shared {
  struct Runner {
    std::thread thread;
    std::optional<SocketJob> job;  ///< which is running; results are written into the thread's own copy
    Instant since;                 ///< of the job
    bool slow = false;             ///< another one takes the jobs that come
    bool stuck = false;            ///< its job has been reported
    bool over = false;             ///< it has left, and is to be joined
    JobQueue deferred;             ///< jobs on the socket of its job
  };

  explicit Shared(int event) : results_event(event) {}

  std::mutex mutex;
  std::condition_variable more;      ///< there are jobs, or `stopping`
  std::condition_variable finished;  ///< a job has ended
  JobQueue queue;
  std::vector<SocketJob> results;
  std::vector<SocketJob> unhurried;  ///< results, too
  std::list<Runner> runners;
  int results_event;
  int sleeping = 0;
  int dozing = 0;  ///< of these none is woken for a close that no client waits for
  int awaiting_idle = 0;
  bool stopping = false;

  void live(Runner& self);
  [[nodiscard]] bool next(const Runner& self, SocketJob& job);
  [[nodiscard]] bool next_of(Runner& self, SocketJob& job);
  void finish(Runner& self, SocketJob& job);
  void nap(std::unique_lock<std::mutex>& lock, bool awaited);
  [[nodiscard]] bool start_missing();
  [[nodiscard]] bool idle() const;
  [[nodiscard]] bool surplus(const Runner& self) const;
};

bool CloserThreads::Shared::idle() const {
  return queue.empty() && std::all_of(runners.begin(), runners.end(), [](const Runner& runner) {
           return !runner.job && runner.deferred.empty();
         });
}

bool CloserThreads::Shared::surplus(const Runner& self) const {
  return std::any_of(runners.begin(), runners.end(),
                     [&self](const Runner& other) { return &other != &self && !other.slow && !other.over; });
}

bool CloserThreads::Shared::next_of(Runner& self, SocketJob& job) {
  if (!self.deferred.empty()) return job = self.deferred.pop(), true;
  return next(self, job);
}

bool CloserThreads::Shared::next(const Runner& self, SocketJob& job) {
  while (!queue.empty()) {
    job = queue.pop();
    const auto before = std::find_if(runners.begin(), runners.end(), [&](const Runner& other) {
      return &other != &self &&
             ((other.job && other.job->socket == job.socket) || other.deferred.concerns(job.socket));
    });
    if (before == runners.end()) return true;
    before->deferred.push(std::move(job));
  }
  return false;
}

void CloserThreads::Shared::finish(Runner& self, SocketJob& job) {
  self.job.reset();
  self.slow = false;
  job.late = std::exchange(self.stuck, false);
  if (job.owner != 0 && job.what != SocketJob::What::kClose) {
    std::vector<SocketJob>& into = job.unhurried ? unhurried : results;
    if (into.size() == (job.unhurried ? kMostUnhurried - 1 : 0)) (void)::eventfd_write(results_event, 1);
    into.push_back(std::move(job));
  }
  if (awaiting_idle > 0) finished.notify_all();
}

/// Waits for more jobs without being woken for each. `awaited`: clients waited for the last ones, and the
/// next ones come soon.
void CloserThreads::Shared::nap(std::unique_lock<std::mutex>& lock, bool awaited) {
  if (awaited) {
    lock.unlock();
    std::this_thread::sleep_for(kShortNap);
    lock.lock();
    return;
  }
  ++dozing;
  (void)more.wait_for(lock, kNap);
  --dozing;
}

void CloserThreads::Shared::live(Runner& self) {
  std::unique_lock lock(mutex);
  bool worked = false;
  bool awaited = false;
  SocketJob job;
  while (!stopping) {
    if (next_of(self, job)) {
      worked = true;
      awaited = awaited || job.awaited;
      self.job = outline_of(job);
      self.since = current_time();
      lock.unlock();
      run(job);
      lock.lock();
      finish(self, job);
    } else if (surplus(self)) {
      break;
    } else if (std::exchange(worked, false)) {
      nap(lock, std::exchange(awaited, false));
    } else {
      ++sleeping;
      more.wait(lock);
      --sleeping;
    }
  }
  self.over = true;
  finished.notify_all();
}

/// Starts a thread unless one of them is free to take jobs. With all signals blocked but the one.
bool CloserThreads::Shared::start_missing() {
  const auto free = [](const Runner& runner) { return !runner.slow && !runner.over; };
  if (runners.size() >= kMaxThreads || std::any_of(runners.begin(), runners.end(), free)) return true;
  sigset_t blocked;
  sigset_t before;
  sigfillset(&blocked);
  sigdelset(&blocked, kInterrupt);
  (void)::pthread_sigmask(SIG_SETMASK, &blocked, &before);
  Runner& runner = runners.emplace_back();
  bool started = true;
  try {
    runner.thread = std::thread([this, &runner]() { live(runner); });
  } catch (const std::system_error&) {
    runners.pop_back();
    started = false;
  }
  (void)::pthread_sigmask(SIG_SETMASK, &before, nullptr);
  return started;
}

CloserThreads::CloserThreads(int results) : shared_(std::make_unique<Shared>(results)) {
  struct sigaction action {};
  action.sa_handler = do_nothing;  // without SA_RESTART
  (void)::sigaction(kInterrupt, &action, nullptr);
}

CloserThreads::~CloserThreads() {
  std::unique_lock lock(shared_->mutex);
  shared_->stopping = true;
  shared_->more.notify_all();
  ++shared_->awaiting_idle;
  const auto all_over = [this] {
    return std::all_of(shared_->runners.begin(), shared_->runners.end(),
                       [](const Shared::Runner& runner) { return runner.over; });
  };
  const bool over = shared_->finished.wait_for(lock, std::chrono::milliseconds(100), all_over);
  lock.unlock();
  for (Shared::Runner& runner : shared_->runners) over ? runner.thread.join() : runner.thread.detach();
  if (!over) (void)shared_.release();
}

bool CloserThreads::begin() {
  const std::lock_guard lock(shared_->mutex);
  return shared_->start_missing();
}

bool CloserThreads::add(std::vector<SocketJob>& jobs) {
  const std::lock_guard lock(shared_->mutex);
  const bool awaited =
      std::any_of(jobs.begin(), jobs.end(), [](const SocketJob& job) { return job.has_waiter(); });
  for (SocketJob& job : jobs) shared_->queue.push(std::move(job));
  jobs.clear();
  if (shared_->sleeping > 0 || (awaited && shared_->dozing > 0)) {
    shared_->more.notify_one();
    return true;
  }
  return shared_->start_missing();
}

void CloserThreads::take_results(std::vector<SocketJob>& into) {
  const std::lock_guard lock(shared_->mutex);
  std::swap(into, shared_->results);
}

void CloserThreads::take_unhurried(std::vector<SocketJob>& into) {
  const std::lock_guard lock(shared_->mutex);
  std::swap(into, shared_->unhurried);
}

bool CloserThreads::check(std::vector<SocketJob>& stuck) {
  const std::lock_guard lock(shared_->mutex);
  const Instant now = current_time();
  for (Shared::Runner& runner : shared_->runners) {
    if (!runner.job || now - runner.since < kSlowAfter) continue;
    runner.slow = true;
    (void)::pthread_kill(runner.thread.native_handle(), kInterrupt);
    if (runner.stuck || now - runner.since < kStuckAfter) continue;
    runner.stuck = true;
    stuck.push_back(*runner.job);
  }
  shared_->runners.remove_if([](Shared::Runner& runner) {
    if (runner.over) runner.thread.join();
    return runner.over;
  });
  return shared_->queue.empty() || shared_->start_missing();
}

bool CloserThreads::idle() {
  const std::lock_guard lock(shared_->mutex);
  return shared_->idle();
}

bool CloserThreads::wait_until_idle(Duration patience) {
  std::unique_lock lock(shared_->mutex);
  ++shared_->awaiting_idle;
  const bool idle = shared_->finished.wait_for(lock, patience, [this] { return shared_->idle(); });
  --shared_->awaiting_idle;
  return idle;
}

}  // namespace prefork
