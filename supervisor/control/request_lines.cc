#include "supervisor/control/request_lines.h"

#include <algorithm>

namespace prefork {

bool RequestLines::too_long() const { return std::min(waiting_.find('\n'), waiting_.size()) > kMaxLine; }

std::optional<std::string> RequestLines::take() {
  if (!ready()) return std::nullopt;
  const std::size_t end = waiting_.find('\n');
  std::string line = waiting_.substr(0, end);
  waiting_.erase(0, end + 1);
  return line;
}

}  // namespace prefork
