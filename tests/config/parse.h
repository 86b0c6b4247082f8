// Shortens the tests of the loader: text in, messages out.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "config/load.h"

namespace prefork {

/// Where the tests' programs are looked up.
[[nodiscard]] CommandSearch system_programs();

/// Fails the test when the text has a mistake.
[[nodiscard]] Config parsed(std::string_view text);

/// The lines a person would read; empty when the text is fine.
[[nodiscard]] std::vector<std::string> mistakes(std::string_view text);
/// The only line; fails the test when there is not exactly one.
[[nodiscard]] std::string mistake(std::string_view text);

/// The settings that a person would be warned of; fails the test when the text has a mistake.
[[nodiscard]] std::vector<std::string> warned_of(std::string_view text);

/// A pool in short form that is fine but for what `members` adds ("workers": …).
[[nodiscard]] std::string pool_with(std::string_view members);

}  // namespace prefork
