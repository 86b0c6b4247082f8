#include "supervisor/control/event_history.h"

#include <utility>

namespace prefork {

const std::string& EventHistory::add(ControlEvent event, WallTime at) {
  const NumberedEvent numbered{++last_, at, std::move(event)};
  keep(numbered.seq, to_line(numbered));
  return kept_.back().text;
}

void EventHistory::keep(std::uint64_t seq, std::string text) {
  bytes_ += text.size();
  kept_.push_back(Line{seq, std::move(text)});
  while (kept_.size() > kKept || (bytes_ > kKeptBytes && kept_.size() > 1)) {
    bytes_ -= kept_.front().text.size();
    kept_.pop_front();
  }
}

std::vector<std::string> EventHistory::lines() const {
  std::vector<std::string> lines;
  for (const Line& line : kept_) lines.push_back(line.text);
  return lines;
}

void EventHistory::adopt(std::uint64_t last, std::vector<std::string> lines) {
  last_ = last;
  std::uint64_t seq = last - lines.size();
  for (std::string& line : lines) keep(++seq, std::move(line));
}

}  // namespace prefork
