// A number with its noun: "1 worker", "2 workers". For messages; the lowest room has it, as joined.h.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace prefork {

/// `noun` is the singular of a noun whose plural ends in "s".
[[nodiscard]] inline std::string counted(std::uint64_t count, std::string_view noun) {
  std::string text = std::to_string(count) + ' ';
  text += noun;
  return count == 1 ? text : text + 's';
}

/// The verb after it: "1 worker was", "2 workers were".
[[nodiscard]] inline const char* was(std::uint64_t count) { return count == 1 ? "was" : "were"; }

}  // namespace prefork
