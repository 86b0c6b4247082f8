// Finds the word that a misspelled one was probably meant to be: a key of the file, a command, an option.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace prefork {

/// The word in `known` of which `word` is probably a misspelling, or "".
[[nodiscard]] std::string nearest(std::string_view word, const std::vector<std::string>& known);
/// The words in `known` that contain `part` between underscores, as "idle_timeout" contains "timeout".
[[nodiscard]] std::vector<std::string> with_part(std::string_view part,
                                                 const std::vector<std::string>& known);

/// "x is not WHAT; did you mean y?", or all that are `known` when none is near: "x is not an option; known
/// are y, z".
[[nodiscard]] std::string not_known(const std::string& word, const std::string& what,
                                    const std::vector<std::string>& known);

}  // namespace prefork
