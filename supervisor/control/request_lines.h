// Splits the bytes of a client of the control socket into lines; each line is a request. Keeps the bytes that
// are read and not yet taken; the caller bounds how many it reads at a time. Does not parse the lines.
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
  /// The next line has more than kMaxLine bytes, whether or not its end has arrived.
  [[nodiscard]] bool too_long() const;
  /// take() returns a line.
  [[nodiscard]] bool ready() const { return !too_long() && waiting_.find('\n') != std::string::npos; }
  /// The next line, without its newline; nothing while its end has not arrived, and when it is too long.
  [[nodiscard]] std::optional<std::string> take();

 private:
  std::string waiting_;
};

}  // namespace prefork
