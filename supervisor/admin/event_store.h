// The supervisor's events of the last 15 minutes, for pages that are opened or come back. Bounded.
#pragma once

#include <chrono>
#include <cstdint>
#include <deque>
#include <string>

#include "supervisor/admin/request.h"

namespace prefork {

class EventStore {
 public:
  static constexpr std::size_t kMaxEvents = 1024;
  static constexpr std::size_t kMaxBytes = std::size_t{1} << 20;
  static constexpr std::chrono::minutes kKept{15};

  using WallTime = std::chrono::system_clock::time_point;

  struct Event {
    std::uint64_t seq = 0;
    WallTime at;
    SharedText message;  ///< as it is sent to a page
  };

  /// An event whose time cannot be read counts as `now`.
  [[nodiscard]] static WallTime time_of(const std::string& text, WallTime now);

  void add(Event event);
  /// A number from another supervisor's life counts as none.
  [[nodiscard]] std::uint64_t valid_since(std::uint64_t since) const { return since > last_ ? 0 : since; }
  [[nodiscard]] std::uint64_t last() const { return last_; }
  /// Drops what is older than kKept.
  void expire(WallTime now);
  [[nodiscard]] const std::deque<Event>& events() const { return events_; }

 private:
  void drop_oldest();

  std::deque<Event> events_;
  std::size_t bytes_ = 0;
  std::uint64_t last_ = 0;
};

}  // namespace prefork
