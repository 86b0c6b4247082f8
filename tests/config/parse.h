// Shortcuts for the tests of the loader: text in, messages out.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "config/load.h"

namespace prefork {

/// The directories of the tests' programs.
[[nodiscard]] CommandSearch system_programs();

/// Fails the test when the text has a mistake.
[[nodiscard]] Config parsed(std::string_view text);

/// The message lines; empty when the text has no mistake.
[[nodiscard]] std::vector<std::string> mistakes(std::string_view text);
/// The only line; fails the test when there is not exactly one.
[[nodiscard]] std::string mistake(std::string_view text);

/// The warnings; fails the test when the text has a mistake.
[[nodiscard]] std::vector<std::string> warned_of(std::string_view text);

/// A valid pool in the short form, and `members` ("workers": …).
[[nodiscard]] std::string pool_with(std::string_view members);

}  // namespace prefork
