// Dispatches whose sockets are being prepared: another worker has had the socket, so a job of the Closer
// looks at it first. ClientSockets sends them afterwards. A job that was overtaken finds nothing here.
#pragma once

#include <algorithm>
#include <cstdint>
#include <optional>
#include <vector>

#include "supervisor/core/action.h"

namespace prefork {

class Preparations {
 public:
  /// Returns the number of the job.
  [[nodiscard]] std::uint64_t add(const action::Dispatch& dispatch) {
    waiting_.push_back({++last_number_, dispatch});
    return last_number_;
  }
  /// Removes and returns it, if it is there.
  [[nodiscard]] std::optional<action::Dispatch> take(Ticket ticket) {
    return take_if([ticket](const Waiting& waiting) { return waiting.dispatch.ticket == ticket; });
  }
  [[nodiscard]] std::optional<action::Dispatch> take_job(std::uint64_t number) {
    return take_if([number](const Waiting& waiting) { return waiting.number == number; });
  }
  [[nodiscard]] bool has(Ticket ticket) const {
    return std::any_of(waiting_.begin(), waiting_.end(),
                       [ticket](const Waiting& waiting) { return waiting.dispatch.ticket == ticket; });
  }
  /// None of those for this worker may be kept for a next request.
  void park_at_once(WorkerId worker) {
    for (Waiting& waiting : waiting_) {
      if (waiting.dispatch.worker == worker) waiting.dispatch.park_at_once = waiting.dispatch.may_park;
    }
  }

 private:
  struct Waiting {
    std::uint64_t number = 0;
    action::Dispatch dispatch;
  };

  template <typename Matches>
  std::optional<action::Dispatch> take_if(const Matches& matches) {
    const auto found = std::find_if(waiting_.begin(), waiting_.end(), matches);
    if (found == waiting_.end()) return std::nullopt;
    const action::Dispatch dispatch = found->dispatch;
    waiting_.erase(found);
    return dispatch;
  }

  std::vector<Waiting> waiting_;
  std::uint64_t last_number_ = 0;
};

}  // namespace prefork
