// A set of small numbers that finds its lowest member in constant time: 64 × 64 × 16 bits under two levels of
// summary.
#pragma once

#include <array>
#include <bit>
#include <cstddef>
#include <cstdint>

namespace prefork {

class LevelBitmap {
 public:
  static constexpr std::size_t kSize = std::size_t{64} * 64 * 16;

  void insert(std::size_t member) {
    words_[member / 64] |= bit(member);
    groups_[member / 4096] |= bit(member / 64);
    top_ |= bit(member / 4096);
  }
  void erase(std::size_t member) {
    if ((words_[member / 64] &= ~bit(member)) != 0) return;
    if ((groups_[member / 4096] &= ~bit(member / 64)) != 0) return;
    top_ &= ~bit(member / 4096);
  }
  [[nodiscard]] bool empty() const { return top_ == 0; }
  /// Not when it is empty.
  [[nodiscard]] std::size_t lowest() const {
    const std::size_t group = first(top_);
    const std::size_t word = group * 64 + first(groups_[group]);
    return word * 64 + first(words_[word]);
  }

 private:
  static constexpr std::uint64_t bit(std::size_t number) { return std::uint64_t{1} << (number % 64); }
  static constexpr std::size_t first(std::uint64_t bits) {
    return static_cast<std::size_t>(std::countr_zero(bits));
  }

  std::array<std::uint64_t, kSize / 64> words_{};
  std::array<std::uint64_t, kSize / 4096> groups_{};
  std::uint64_t top_ = 0;
};

}  // namespace prefork
