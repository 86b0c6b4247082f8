// Collects the mistakes of a file, in one place. Bounded, so that a hostile file cannot cause an endless
// report.
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

  /// The file that is read.
  [[nodiscard]] const std::string& file() const { return file_; }
  /// After kMax problems one more line says that there are more; the rest is dropped.
  void add(const std::string& pointer, std::string what);
  [[nodiscard]] bool full() const { return list_.size() > kMax; }
  [[nodiscard]] bool empty() const { return list_.empty(); }
  /// Whether there is a problem with exactly this value.
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
