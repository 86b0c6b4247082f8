// Numbers the events and keeps the latest ones, so that a client that subscribes a moment late, or connects
// again after a lost connection, can catch up. Bounded in number and in bytes. The control socket owns it.
#pragma once

#include <cstddef>
#include <cstdint>
#include <deque>
#include <string>
#include <vector>

#include "supervisor/control/control_event.h"

namespace prefork {

class EventHistory {
 public:
  static constexpr std::size_t kKept = 512;
  static constexpr std::size_t kKeptBytes = std::size_t{512} << 10;

  /// The event as the line that subscribers get; valid until the next call.
  const std::string& add(ControlEvent event, WallTime at);
  // For an upgrade in place: the lines that are kept, and an empty history that goes on with them. `last` is
  // the number of the last line; an earlier version has written the number alone.
  [[nodiscard]] std::vector<std::string> lines() const;
  void adopt(std::uint64_t last, std::vector<std::string> lines);
  /// The number of the latest event; 0: there has been no event.
  [[nodiscard]] std::uint64_t last() const { return last_; }

  /// Calls `take(line)` for each kept event with a number above `seq`, oldest first.
  template <typename Take>
  void for_each_since(std::uint64_t seq, Take take) const {
    for (const Line& line : kept_) {
      if (line.seq > seq) take(line.text);
    }
  }

 private:
  struct Line {
    std::uint64_t seq = 0;
    std::string text;
  };

  void keep(std::uint64_t seq, std::string text);

  std::deque<Line> kept_;
  std::size_t bytes_ = 0;  ///< of all of kept_
  std::uint64_t last_ = 0;
};

}  // namespace prefork
