// Cuts what a client of the control socket sends into lines, each of them a request. Holds what has been read
// and not been taken; how much is read at a time is the caller's business. Knows nothing of what a line says.
#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>

namespace prefork {

class RequestLines {
 public:
  static constexpr std::size_t kMaxLine = std::size_t{64} << 10;

  void append(std::string_view bytes) { waiting_.append(bytes); }
  /// The next line has more than kMaxLine bytes, whether or not it has come to its end.
  [[nodiscard]] bool too_long() const;
  /// take() would give a line.
  [[nodiscard]] bool ready() const { return !too_long() && waiting_.find('\n') != std::string::npos; }
  /// The next line, without its newline; nothing while it has not ended, and when it is too long.
  [[nodiscard]] std::optional<std::string> take();

 private:
  std::string waiting_;
};

}  // namespace prefork
