#include "supervisor/clients/closer.h"

#include <sys/eventfd.h>

#include <utility>

#include "supervisor/system/clock.h"

namespace prefork {

Closer::Closer(const Loop& loop, Log& log)
    : log_(log),
      results_event_(::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)),
      threads_(results_event_.get()),
      watcher_(loop),
      timer_(loop),
      before_sleep_(loop) {
  if (results_event_.valid()) watcher_.start(results_event_.get(), Callback::to<&Closer::on_results>(*this));
  before_sleep_.start(Callback::to<&Closer::hand_over>(*this));
}

void Closer::begin() {
  if (!threads_.begin()) complain();
}

std::uint64_t Closer::add(Owner& owner) {
  owners_.emplace(++last_owner_, &owner);
  return last_owner_;
}

void Closer::submit(SocketJob job) {
  if (job.socket >= 0) outbox_.push_back(std::move(job));
}

void Closer::hand_over() {
  if (outbox_.empty()) return;
  if (!threads_.add(outbox_)) complain();
  if (!timer_.active()) timer_.start(CloserThreads::kSlowAfter, Callback::to<&Closer::on_timer>(*this));
}

void Closer::on_results() {
  eventfd_t count = 0;
  (void)::eventfd_read(results_event_.get(), &count);
  std::vector<SocketJob> results = std::move(results_);  // an owner may lead back here
  threads_.take_results(results);
  take_unhurried();  // taken second and told first: a measurement comes before each later job on its socket
  tell(results);
  results_ = std::move(results);
}

void Closer::take_unhurried() {
  std::vector<SocketJob> results = std::move(unhurried_);
  threads_.take_unhurried(results);
  tell(results);
  unhurried_ = std::move(results);
}

void Closer::tell(std::vector<SocketJob>& results) {
  for (SocketJob& job : results) {
    if (const auto owner = owners_.find(job.owner); owner != owners_.end()) owner->second->done(job);
  }
  results.clear();
}

void Closer::on_timer() {
  std::vector<SocketJob> stuck;
  if (!threads_.check(stuck)) complain();
  const bool idle = threads_.idle();  // asked first: what ends from now on has its result taken next time
  if (!results_event_.valid()) on_results();  // no descriptor was free for it
  for (const SocketJob& job : stuck) {
    if (const auto owner = owners_.find(job.owner); owner != owners_.end()) owner->second->stuck(job);
  }
  if (!idle) timer_.start(CloserThreads::kSlowAfter, Callback::to<&Closer::on_timer>(*this));
}

void Closer::complain() {
  const Instant now = current_time();
  if (now - last_complaint_ < std::chrono::seconds(10)) return;
  last_complaint_ = now;
  log_.error(
      "the thread that closes client sockets cannot be started; sockets stay open, next attempt in {} ms",
      std::chrono::duration_cast<std::chrono::milliseconds>(CloserThreads::kSlowAfter).count());
}

bool Closer::settle(Duration patience) {
  const Instant end = current_time() + patience;
  // A result may lead to further jobs.
  do {
    hand_over();
    if (!threads_.wait_until_idle(end - current_time())) return false;
    on_results();
  } while (!outbox_.empty() && current_time() < end);
  return outbox_.empty();
}

}  // namespace prefork
