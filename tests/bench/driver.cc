#include "tests/bench/driver.h"

#include <sys/epoll.h>

#include <algorithm>
#include <array>
#include <utility>

#include "tests/bench/await.h"

namespace prefork::bench {

Result<Driver> Driver::connect_to(const sockaddr_in& server, Clock::duration timeout) {
  Fd epoll(::epoll_create1(EPOLL_CLOEXEC));
  if (!epoll.valid()) return system_error("epoll_create1");
  return Driver(std::move(epoll), server, timeout);
}

void Driver::begin(const Request& request, Instant due) {
  if (free_.empty()) {
    free_.push_back(slots_.size());
    slots_.emplace_back();
  }
  const std::size_t slot = free_.back();
  free_.pop_back();
  slots_[slot].begin(server_, request, due);
  begun_.push_back(slot);
}

void Driver::wait(Instant until, std::vector<Finished>& out) {
  // A connection within one machine is often made by the time connect() returns: sending at once saves a
  // wait.
  for (const std::size_t slot : std::exchange(begun_, {})) {
    advance(slot, out);
    if (slots_[slot].active()) watch(slot, EPOLL_CTL_ADD);
  }
  std::array<epoll_event, 256> events;
  const std::size_t ready =
      await_events(epoll_, events, out.empty() ? std::min(until, next_sweep_) : Instant::min());
  for (std::size_t i = 0; i < ready; ++i) {
    const std::size_t slot = events[i].data.u64;
    const bool waited_to_write = slots_[slot].waits_to_write();
    advance(slot, out);
    if (slots_[slot].active() && slots_[slot].waits_to_write() != waited_to_write) watch(slot, EPOLL_CTL_MOD);
  }
  if (const Instant now = Clock::now(); now >= next_sweep_) end_overdue(now, out);
}

void Driver::advance(std::size_t slot, std::vector<Finished>& out) {
  const Outcome outcome = slots_[slot].advance();
  if (outcome != Outcome::kPending) finish(slot, outcome, out);
}

void Driver::finish(std::size_t slot, Outcome outcome, std::vector<Finished>& out) {
  out.push_back({slots_[slot].request().kind, outcome, Clock::now() - slots_[slot].due()});
  slots_[slot].give_up();
  free_.push_back(slot);
}

void Driver::watch(std::size_t slot, int operation) {
  epoll_event event{};
  event.events = slots_[slot].waits_to_write() ? EPOLLOUT : EPOLLIN;
  event.data.u64 = slot;
  (void)::epoll_ctl(epoll_.get(), operation, slots_[slot].descriptor(), &event);
}

void Driver::end_overdue(Instant now, std::vector<Finished>& out) {
  for (std::size_t slot = 0; slot < slots_.size(); ++slot) {
    if (slots_[slot].active() && slots_[slot].due() + timeout_ <= now) finish(slot, Outcome::kTimedOut, out);
  }
  next_sweep_ = now + std::min<Clock::duration>(timeout_, std::chrono::milliseconds(250));
}

}  // namespace prefork::bench
