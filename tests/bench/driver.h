// Many exchanges with one server at a time, on one thread.
#pragma once

#include <netinet/in.h>

#include <cstddef>
#include <deque>
#include <utility>
#include <vector>

#include "proto/fd.h"
#include "proto/result.h"
#include "tests/bench/exchange.h"

namespace prefork::bench {

/// An exchange that is over.
struct Finished {
  std::size_t kind = 0;
  Outcome outcome = Outcome::kPending;
  Clock::duration latency{};
};

class Driver {
 public:
  static Result<Driver> connect_to(const sockaddr_in& server, Clock::duration timeout);

  void begin(const Request& request, Instant due);
  /// Waits until something is finished, or `until`. Appends what is finished.
  void wait(Instant until, std::vector<Finished>& out);
  /// How many exchanges are under way.
  [[nodiscard]] std::size_t active() const { return slots_.size() - free_.size(); }

 private:
  Driver(Fd epoll, const sockaddr_in& server, Clock::duration timeout)
      : epoll_(std::move(epoll)), server_(server), timeout_(timeout), next_sweep_(Clock::now() + timeout) {}

  void advance(std::size_t slot, std::vector<Finished>& out);
  void finish(std::size_t slot, Outcome outcome, std::vector<Finished>& out);
  void watch(std::size_t slot, int operation);
  void end_overdue(Instant now, std::vector<Finished>& out);

  Fd epoll_;
  sockaddr_in server_;
  Clock::duration timeout_;
  Instant next_sweep_;
  std::deque<Exchange> slots_;
  std::vector<std::size_t> free_;
  std::vector<std::size_t> begun_;  ///< not advanced even once
};

}  // namespace prefork::bench
