#include "worker/notify/numbers.h"

#include <algorithm>

namespace prefork::notify {
namespace {

/// The kernel's table of a process has room for its highest number: 512 KiB for this one.
constexpr std::uint64_t kHighest = 65536;
constexpr std::uint64_t kResting = 16;
/// For the program's own descriptors, at least.
constexpr std::uint64_t kOwn = 32;

}  // namespace

NumberRange choose_numbers(std::uint64_t limit, unsigned slots) {
  const std::uint64_t end = std::min(limit, kHighest);
  if (end <= kOwn) return {static_cast<std::uint32_t>(end), 0};
  const std::uint64_t count = std::min<std::uint64_t>(slots + kResting, std::max<std::uint64_t>(end / 2, 1));
  const std::uint64_t first = std::max(end - count, kOwn);
  return {static_cast<std::uint32_t>(first), static_cast<std::uint32_t>(end - first)};
}

std::optional<std::uint32_t> Numbers::next_free() {
  for (std::uint32_t tried = 0; tried < range_.count; ++tried) {
    const std::uint32_t index = next_;
    next_ = next_ + 1 == range_.count ? 0 : next_ + 1;
    if (used_[index].owner == 0) return range_.first + index;
  }
  return std::nullopt;
}

void Numbers::take(std::uint32_t number, std::uint64_t ticket, pid_t owner) {
  used_[number - range_.first] = {ticket, owner};
  ++in_use_;
}

std::optional<std::uint64_t> Numbers::release(std::uint32_t number, pid_t owner) {
  if (owner == 0 || owner_of(number) != owner) return std::nullopt;
  Use& use = used_[number - range_.first];
  use.owner = 0;
  --in_use_;
  return use.ticket;
}

std::optional<std::uint32_t> Numbers::any_of(pid_t owner) const {
  for (std::uint32_t index = 0; in_use_ > 0 && index < range_.count; ++index) {
    if (used_[index].owner == owner) return range_.first + index;
  }
  return std::nullopt;
}

}  // namespace prefork::notify
