// What a client of the control socket may ask for. Root and the supervisor's own user may ask for everything.
// The admin process may ask for the figures and the events; for an action it needs the operator's token.
#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace prefork {

/// What a method does.
enum class MethodKind {
  kReads,
  kActs,
  kOwnerOnly,  ///< never for a client with limited rights
};

struct Rights {
  bool limited = false;    ///< the client is the admin process
  std::string token = {};  ///< limited: opens the actions; empty: nothing does
};

/// Why a client with these rights may not call a method; empty: it may. Takes the same time for each token of
/// one length.
[[nodiscard]] std::string_view denial(const Rights& rights, MethodKind kind,
                                      const std::optional<std::string>& token);

}  // namespace prefork
