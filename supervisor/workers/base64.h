// Bytes as text in a line of JSON: base64 with padding (RFC 4648).
#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace prefork {

[[nodiscard]] std::string to_base64(std::string_view bytes);
/// Nothing: `text` is not what to_base64() would write.
[[nodiscard]] std::optional<std::string> from_base64(std::string_view text);

}  // namespace prefork
