#include "supervisor/control/event_history.h"

#include <utility>

namespace prefork {

const std::string& EventHistory::add(ControlEvent event, WallTime at) {
  const NumberedEvent numbered{++last_, at, std::move(event)};
  kept_.push_back(Line{numbered.seq, to_line(numbered)});
  bytes_ += kept_.back().text.size();
  while (kept_.size() > kKept || (bytes_ > kKeptBytes && kept_.size() > 1)) {
    bytes_ -= kept_.front().text.size();
    kept_.pop_front();
  }
  return kept_.back().text;
}

}  // namespace prefork
