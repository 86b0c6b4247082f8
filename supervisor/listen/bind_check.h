// Tells whether a supervisor that starts now could listen at an address. Listens nowhere, connects to nothing
// and leaves nothing behind. For `supervisor check`.
#pragma once

#include <optional>
#include <string>

#include "config/listen_address.h"

namespace prefork {

struct BindFault {
  std::string text;     ///< what is in the way, and what to do
  bool in_use = false;  ///< by a process; perhaps by the supervisor that runs with this file
};

/// Nothing: it could, as far as can be seen. A socket of systemd is not looked at.
[[nodiscard]] std::optional<BindFault> bind_fault(const ListenAddress& address);

}  // namespace prefork
