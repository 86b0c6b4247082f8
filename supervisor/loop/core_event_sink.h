// Event sink of one pool: its listeners, client sockets and worker processes report here what happens to
// them. Implemented by EventPump.
#pragma once

#include "supervisor/core/event.h"

namespace prefork {

class CoreEventSink {
 public:
  virtual ~CoreEventSink() = default;
  /// Handles the event now, or, inside the handling of another one, right after that one.
  virtual void tell(const Event& event) = 0;
};

}  // namespace prefork
