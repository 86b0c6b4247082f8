// epoll_wait() until an instant, which milliseconds are too coarse for.
#pragma once

#include <sys/epoll.h>

#include <span>

#include "proto/fd.h"
#include "tests/bench/exchange.h"

namespace prefork::bench {

/// How many events there are, at once if there are any; 0 when `until` has come.
[[nodiscard]] std::size_t await_events(const Fd& epoll, std::span<epoll_event> events, Instant until);

}  // namespace prefork::bench
