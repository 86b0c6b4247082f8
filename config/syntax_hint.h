// What a syntax error probably comes from: habits of Python, YAML, JavaScript and shell that JSON does not
// know.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

namespace prefork {

/// Where the invalid word that holds the byte at `position` begins; `position` if there is no word.
[[nodiscard]] std::size_t word_begin(std::string_view text, std::size_t position);

/// What to write instead: "; write true". Empty if nothing is known. `begin`: where the parser's error
/// begins.
[[nodiscard]] std::string syntax_hint(std::string_view reason, std::string_view text, std::size_t begin);

}  // namespace prefork
