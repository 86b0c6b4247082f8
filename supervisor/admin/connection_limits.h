// How many clients can be connected: fixed, or less where the limit of descriptors is lower.
#pragma once

#include <cstddef>

namespace prefork {

struct ConnectionLimits {
  std::size_t http = 1000;
  std::size_t agent = 200;
};

/// Raises the process's own limit as far as it is allowed to.
[[nodiscard]] ConnectionLimits connection_limits();

}  // namespace prefork
