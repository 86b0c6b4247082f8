// The requests to the spawner: a queue of requests that wait to be sent, and the keys of requests that were
// sent and are not answered. Bounds the latter. Sends nothing itself: SpawnerLink does.
#pragma once

#include <cstddef>
#include <cstdint>
#include <deque>
#include <utility>
#include <vector>

#include "proto/fd.h"
#include "supervisor/spawner/launch.h"
#include "supervisor/state/spawner_state.h"

namespace prefork {

class LaunchQueue {
 public:
  /// Unanswered requests at a time; the others wait here, where they are not lost when the spawner dies.
  static constexpr std::size_t kMaxInFlight = 16;
  struct Request {
    LaunchKey key;
    std::vector<std::byte> bytes;
    Fd channel;
    Fd output;  ///< not valid: none is attached
  };

  void push(Request request) { waiting_.push_back(std::move(request)); }
  /// The request to be sent next; null when none waits, or kMaxInFlight are unanswered.
  [[nodiscard]] const Request* next() const;
  /// The request that next() returned has been sent. Closes our copies of its descriptors.
  void next_sent();
  /// A request that was never in the queue has been sent.
  void sent(const LaunchKey& key) { in_flight_.push_back(key); }
  void answered(const LaunchKey& key) { std::erase(in_flight_, key); }

  /// Drops the requests of a pool that wait. Its requests in flight are still answered.
  void drop(std::uint64_t pool);
  /// No spawner will be sent what waits: it counts as sent and unanswered. Closes our copies.
  void give_up_waiting();
  /// Empties the list of requests in flight, oldest first: they will not be answered.
  [[nodiscard]] std::vector<LaunchKey> take_unanswered() { return std::exchange(in_flight_, {}); }
  [[nodiscard]] bool awaits_answers() const { return !in_flight_.empty(); }

  // For an upgrade in place.
  void write_state(SpawnerState& state) const;
  /// Requests in a form that this program's spawner does not read become unanswered requests.
  void adopt(const SpawnerState& state);

 private:
  std::deque<Request> waiting_;
  std::vector<LaunchKey> in_flight_;
};

}  // namespace prefork
