// Loads of many HttpClients on one thread: closed, where each asks again as soon as it has been answered, and
// open, where requests are due when a Poisson process says so, whatever became of the former ones. Latency
// counts from when a request was due, so that a slow server cannot slow down its own measurement.
#pragma once

#include <array>
#include <cstdint>
#include <deque>
#include <functional>
#include <queue>
#include <random>
#include <string>
#include <string_view>
#include <vector>

#include "proto/fd.h"
#include "proto/result.h"
#include "tests/bench/http_client.h"
#include "tests/bench/ideal_queue.h"
#include "tests/bench/load.h"
#include "tests/bench/tally.h"

namespace prefork::bench {

struct HttpOptions {
  sockaddr_in server{};
  std::size_t clients = 64;  ///< 0, open only: as many as it takes, each request has a client of its own
  bool fresh = false;        ///< a new connection for each request
  unsigned short_ms = 1;
  unsigned long_ms = 100;
  double long_share = 0.05;
  /// After so long a client leaves.
  Seconds patience{30};
  /// How long those that are under way at the end may take; then they count as if they had lost patience.
  Seconds grace{30};
  unsigned sources = 0;  ///< so many addresses from 127.0.0.2 on; 0: the one that the kernel chooses
  unsigned seed = 1;
  std::size_t ideal_servers = 0;  ///< open only: tells what so many servers behind one queue would do; 0: not
};

/// So many requests a second for so long.
struct Phase {
  double rate = 0;
  Seconds duration{};
};

/// The requests that were due in one phase, whenever they ended.
struct PhaseReport {
  Seconds duration{};
  Tally all = {};
  Tally short_ones = {};
  Tally long_ones = {};
  Tally prompt = {};            ///< those of the short ones whose client was free when they were due
  Tally ideal_short_ones = {};  ///< the short ones, with HttpOptions::ideal_servers
};

struct HttpReport {
  std::vector<PhaseReport> phases;
  std::size_t connections = 0;  ///< made meanwhile
  std::size_t clients = 0;
  std::size_t least_answered = 0;  ///< of one client
  double mean_answered = 0;
};

class HttpLoad {
 public:
  static Result<HttpLoad> create(const HttpOptions& options);

  /// Each client asks once, a few at a time, for something that takes no time. How many were answered.
  std::size_t warm_up();
  HttpReport run_closed(Seconds duration);
  /// Requests are for a client at random, who asks them one after the other: what is due while his last one
  /// is under way is late.
  HttpReport run_open(const std::vector<Phase>& phases);

 private:
  enum Kind : std::size_t { kShort, kLong, kWarmUp };
  struct Ask {
    Kind kind = kShort;
    std::size_t phase = 0;
    Instant due;
    bool late = false;  ///< the client was not free then
  };
  struct Client {
    explicit Client(const Route& route) : http(route) {}
    HttpClient http;
    std::deque<Ask> asks;  ///< the first one is under way
    std::size_t answered = 0;
    std::size_t finished = 0;  ///< requests, whatever became of them
  };
  struct Limit {
    Instant at;
    std::size_t client = 0;
    std::size_t request = 0;  ///< the client's `finished` while it is under way
    bool operator>(const Limit& other) const { return at > other.at; }
  };

  HttpLoad(Fd epoll, const HttpOptions& options);
  void add_client();
  std::size_t choose_client();
  [[nodiscard]] Clock::duration service_of(Kind kind) const;
  Kind choose_kind() { return is_long_(random_) ? kLong : kShort; }

  void add_ideal();
  void begin_report(const std::vector<Seconds>& durations);
  HttpReport end_report();
  void give(std::size_t client, Ask ask);
  void begin(std::size_t client);
  /// `connections`: how many he had made when he was last seen to be watched.
  void advance(std::size_t client, std::size_t connections);
  void finish(std::size_t client, Outcome outcome);
  /// Waits for something to happen until then, and lets those leave whose patience ends.
  void wait(Instant until);
  void lose_patience(Instant now);
  void finish_all();

  HttpOptions options_;
  Fd epoll_;
  std::array<std::string, 3> requests_;  ///< by Kind
  std::deque<Client> clients_;
  std::vector<std::size_t> done_;  ///< clients whose last request has ended, and who have no other
  std::vector<std::size_t>
      late_;  ///< clients whose last request has ended, and whose next one was due before
  std::priority_queue<Limit, std::vector<Limit>, std::greater<>> limits_;
  std::size_t active_ = 0;
  std::mt19937_64 random_;
  std::bernoulli_distribution is_long_;
  HttpReport report_;
  std::vector<Ask> asked_;         ///< all of an open load, in their order
  std::vector<Arrival> arrivals_;  ///< the same, for the ideal queue
  std::size_t connections_before_ = 0;
};

}  // namespace prefork::bench
