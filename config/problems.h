// Collects what is wrong with a file, in one place, and bounded: a hostile file must not make a report
// without end.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <utility>

#include "config/load.h"

namespace prefork {

class Problems {
 public:
  static constexpr std::size_t kMax = 50;

  explicit Problems(std::string file) : file_(std::move(file)) {}

  /// Once kMax are known, further ones only leave a last line that says so.
  void add(const std::string& pointer, std::string what);
  [[nodiscard]] bool full() const { return list_.size() > kMax; }
  [[nodiscard]] bool empty() const { return list_.empty(); }
  /// Whether something is wrong with exactly this value.
  [[nodiscard]] bool about(std::string_view pointer) const;
  [[nodiscard]] ConfigProblems take() { return std::move(list_); }

 private:
  std::string file_;
  ConfigProblems list_;
};

/// The JSON pointer of `key` inside the value at `parent`.
[[nodiscard]] std::string child_pointer(const std::string& parent, std::string_view key);
[[nodiscard]] std::string child_pointer(const std::string& parent, std::size_t index);

}  // namespace prefork
