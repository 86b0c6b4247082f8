// Splits a worker's output into lines for the log: cut to a maximum length, escaped, limited in rate. Keeps
// the last lines for the report of the worker's death. Holds a bounded number of bytes, whatever the worker
// writes; does no I/O. Lines that are dropped are counted, and nothing else is done with them.
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
  static constexpr std::size_t kLastLines = 20;
  static constexpr std::size_t kMaxLastLine = 300;
  /// The rate limit, in units: one for a line, and one for each 256 bytes of it. Lines beyond are dropped,
  /// and the log says how many.
  static constexpr double kBurst = 1000;
  static constexpr double kPerSecond = 100;

  /// A line of more bytes than `max_line` is cut between two characters, and the log says so. The number may
  /// change at any time; it outlives this object.
  explicit OutputLines(const std::size_t& max_line) : max_line_(max_line) {}

  /// Takes bytes that were read, and appends the lines to be logged to `out`.
  void feed(std::string_view bytes, Instant now, std::vector<std::string>& out);
  /// Drops the lines that follow, until a second's worth of the rate is available again: many workers end at
  /// once.
  void exhaust(Instant now);
  /// The end of the output: logs a last line without a line end, and the number of dropped lines.
  void finish(Instant now, std::vector<std::string>& out);
  /// Logs how many lines were dropped since the last such line, if any were.
  void report_dropped(std::vector<std::string>& out);

  /// The line that has begun and not ended.
  [[nodiscard]] const std::string& begun() const { return line_; }
  /// The rate is exceeded: nothing is logged until a second's worth of the rate is available again.
  [[nodiscard]] bool exhausted() const { return exhausted_; }
  /// The same, as it will be for output that is fed now.
  [[nodiscard]] bool exhausted_at(Instant now);
  /// The last lines, logged or dropped, each escaped and shortened.
  [[nodiscard]] std::vector<std::string> last() const;
  /// Those of them that were dropped.
  [[nodiscard]] std::vector<std::string> last_dropped() const;

 private:
  void refill(Instant now);
  void spend(double cost);
  void add(std::string_view part);
  void end_line(std::vector<std::string>& out);
  void log_line(std::vector<std::string>& out);
  /// As feed(), while the rate is exceeded.
  void drop(std::string_view bytes);
  void remember(std::string_view line, bool logged);

  struct Line {
    std::string text;  ///< as the worker wrote it
    bool cut = false;
    bool logged = false;
  };
  /// Escaped and shortened.
  [[nodiscard]] static std::string shown(const Line& line);

  const std::size_t& max_line_;
  std::string line_;       ///< begun and not ended
  bool skipping_ = false;  ///< the rest of a line that was cut
  double budget_ = kBurst;
  bool exhausted_ = false;
  Instant refilled_at_{};
  bool crowded_ = false;  ///< exhaust() was called, and dropped lines have not been reported since
  std::uint64_t dropped_ = 0;
  std::deque<Line> last_;
};

}  // namespace prefork
