// Tells whether a supervisor that starts now could listen at an address. Listens nowhere, connects to nothing
// and leaves nothing behind. For `supervisor check`; ListenSocket has words from here.
#pragma once

#include <optional>
#include <string>

#include "config/listen_address.h"

namespace prefork {

struct BindFault {
  std::string text;     ///< what is in the way, and what to do
  bool in_use = false;  ///< by a process; perhaps by the supervisor that runs with this file
};

/// What to say of `error` when no socket file can be made at this path: the directory, and what to do.
[[nodiscard]] std::string directory_fault(const std::string& path, int error);

/// Nothing: it could, as far as can be seen. A socket of systemd is not looked at.
[[nodiscard]] std::optional<BindFault> bind_fault(const ListenAddress& address);

}  // namespace prefork
