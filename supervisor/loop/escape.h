// Escapes text from outside (workers, programs) for one line of a log or a status: no byte of it can end the
// line or control a terminal. Each escaped byte becomes \xNN.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

namespace prefork {

/// Keeps printable ASCII and escapes every other byte. The text is cut after `limit` bytes of the result.
[[nodiscard]] std::string escape_to_ascii(std::string_view text, std::size_t limit = 200);

/// Keeps valid UTF-8 and tabs. Escapes invalid bytes, control characters, line ends, and characters that turn
/// the direction of a text around.
[[nodiscard]] std::string escape_to_utf8(std::string_view text);

}  // namespace prefork
