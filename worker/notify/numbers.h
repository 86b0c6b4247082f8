// The descriptor numbers that connections have in a program with the protocol accept-notify: a range of their
// own, so that the filter can tell the end of a connection from other closes.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <vector>

#include <sys/types.h>

namespace prefork::notify {

struct NumberRange {
  std::uint32_t first = 0;
  std::uint32_t count = 0;
  [[nodiscard]] std::uint32_t last() const { return first + count - 1; }
  [[nodiscard]] bool contains(std::uint32_t number) const { return number - first < count; }
};

/// The last numbers below `limit`, the RLIMIT_NOFILE of the program, so that its own descriptors stay below
/// them. More numbers than slots: a number rests before it is used again, because the program may not have
/// closed it yet when its close has been announced. Low limits leave fewer of them, down to none.
[[nodiscard]] NumberRange choose_numbers(std::uint64_t limit, unsigned slots);

class Numbers {
 public:
  explicit Numbers(NumberRange range) : range_(range), used_(range.count) {}

  [[nodiscard]] const NumberRange& range() const { return range_; }
  /// The free number that has rested for the longest time; call again if the program has something else
  /// there. Nothing: all are in use.
  [[nodiscard]] std::optional<std::uint32_t> next_free();
  void take(std::uint32_t number, std::uint64_t ticket, pid_t owner);
  /// The ticket of the connection that `owner` had at that number, which is free from now on.
  [[nodiscard]] std::optional<std::uint64_t> release(std::uint32_t number, pid_t owner);
  /// A number in use by that process; nothing: it has none (left).
  [[nodiscard]] std::optional<std::uint32_t> any_of(pid_t owner) const;
  /// The process that took it; 0: free.
  [[nodiscard]] pid_t owner_of(std::uint32_t number) const {
    return range_.contains(number) ? used_[number - range_.first].owner : 0;
  }
  [[nodiscard]] std::size_t in_use() const { return in_use_; }

 private:
  struct Use {
    std::uint64_t ticket = 0;
    pid_t owner = 0;  ///< 0: free
  };

  NumberRange range_;
  std::vector<Use> used_;
  std::size_t in_use_ = 0;
  std::uint32_t next_ = 0;
};

}  // namespace prefork::notify
