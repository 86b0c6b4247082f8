#include "supervisor/control/event_history.h"

#include <utility>

namespace prefork {

const NumberedEvent& EventHistory::add(ControlEvent event, WallTime at) {
  if (kept_.size() == kKept) kept_.pop_front();
  kept_.push_back(NumberedEvent{++last_, at, std::move(event)});
  return kept_.back();
}

}  // namespace prefork
