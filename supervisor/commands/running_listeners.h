// What the supervisor that answers at a control socket listens at. For the command check, which tells its own
// supervisor's listeners from others'.
#pragma once

#include <optional>
#include <set>
#include <string>

namespace prefork {

/// The addresses as in ListenAddress::text(). Nothing when no supervisor answers there, or not to this user,
/// or when it runs with another file than `file`.
[[nodiscard]] std::optional<std::set<std::string>> running_listeners(const std::string& control,
                                                                     const std::string& file);

}  // namespace prefork
