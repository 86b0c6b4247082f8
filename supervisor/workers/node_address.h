// The address that a Node program asks its cluster for, and which of the pool's listeners that is.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "supervisor/core/ids.h"
#include "supervisor/workers/node_message.h"

namespace prefork {

class NodeAddress {
 public:
  explicit NodeAddress(const NodeMessage& message);

  struct Target {
    ListenerIndex listener = 0;
    std::string sockname;  ///< a member of the answer: where the pool listens; nothing for a unix socket
  };
  /// The listener that fits best, in a list as that in SUPERVISOR_LISTEN: `INDEX=ADDRESS`, separated by
  /// commas.
  [[nodiscard]] std::optional<Target> find_in(std::string_view list) const;
  /// `127.0.0.1:8080`; empty: the program has not named an address.
  [[nodiscard]] const std::string& text() const { return text_; }

 private:
  std::string text_;
  bool v6_only_ = false;
};

}  // namespace prefork
