// Sizes as pool.json writes them: a whole number and a unit, "64KiB", "256MiB", "2GiB".
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

namespace prefork {

/// The number of bytes. Nothing when `text` is not a size, or a size that does not fit 63 bits.
[[nodiscard]] std::optional<std::uint64_t> parse_byte_size(std::string_view text);

}  // namespace prefork
