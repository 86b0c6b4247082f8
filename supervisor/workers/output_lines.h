// What a worker writes, made into lines for the log: cut to a length, escaped, limited in rate. Keeps the
// last ones for the worker's death. Holds a bounded number of bytes, whatever comes; does no I/O.
#pragma once

#include <cstddef>
#include <cstdint>
#include <deque>
#include <string>
#include <string_view>
#include <vector>

#include "supervisor/core/ids.h"

namespace prefork {

class OutputLines {
 public:
  static constexpr std::size_t kMaxLine = std::size_t{8} * 1024;  ///< what is longer is cut, and that is said
  static constexpr std::size_t kLastLines = 20;
  static constexpr std::size_t kMaxLastLine = 300;
  /// Of the rate, in units of a line or of each 256 bytes begun: what is beyond is dropped, and that is said.
  static constexpr double kBurst = 1000;
  static constexpr double kPerSecond = 100;

  /// Takes what was read, and appends the lines to be logged to `out`.
  void feed(std::string_view bytes, Instant now, std::vector<std::string>& out);
  /// The end: the last line may have none, and what was dropped is said.
  void finish(Instant now, std::vector<std::string>& out);
  /// Says how many lines were dropped since it was last said, if any were.
  void say_dropped(std::vector<std::string>& out);

  /// A line that has begun and not ended.
  [[nodiscard]] const std::string& begun() const { return line_; }
  /// More has come than the rate allows: nothing is logged until it allows a second's worth again.
  [[nodiscard]] bool exhausted() const { return exhausted_; }
  [[nodiscard]] bool has_dropped() const { return dropped_ > 0; }
  /// The last lines, logged or dropped, each shortened.
  [[nodiscard]] std::vector<std::string> last() const { return {last_.begin(), last_.end()}; }

 private:
  void refill(Instant now);
  void spend(double cost);
  void add(std::string_view part);
  void end_line(std::vector<std::string>& out);
  void emit(std::string_view line, std::vector<std::string>& out);

  std::string line_;       ///< begun and not ended
  bool skipping_ = false;  ///< until the end of a line that was cut
  double budget_ = kBurst;
  bool exhausted_ = false;
  Instant refilled_at_{};
  std::uint64_t dropped_ = 0;
  std::deque<std::string> last_;
};

/// Made fit for a log: valid UTF-8 without control characters; every other byte, and what moves a terminal's
/// cursor or turns its text around, as \xNN.
[[nodiscard]] std::string escaped(std::string_view text);

}  // namespace prefork
