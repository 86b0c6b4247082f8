#include "tests/bench/await.h"

#include <algorithm>
#include <ctime>

namespace prefork::bench {
namespace {

timespec time_left(Instant until) {
  using std::chrono::nanoseconds;
  using std::chrono::seconds;
  if (until == Instant::min()) return {};
  const auto left = std::max(std::chrono::duration_cast<nanoseconds>(until - Clock::now()), nanoseconds(0));
  const auto whole = std::chrono::duration_cast<seconds>(left);
  return {.tv_sec = whole.count(), .tv_nsec = (left - whole).count()};
}

}  // namespace

std::size_t await_events(const Fd& epoll, std::span<epoll_event> events, Instant until) {
  const timespec left = time_left(until);
  const int ready =
      ::epoll_pwait2(epoll.get(), events.data(), static_cast<int>(events.size()), &left, nullptr);
  return static_cast<std::size_t>(std::max(ready, 0));
}

}  // namespace prefork::bench
