// The target of a request: its path and the parameters of its query, percent-decoded.
#pragma once

#include <map>
#include <optional>
#include <string>
#include <string_view>

namespace prefork {

struct Target {
  std::string path;
  std::map<std::string, std::string> query;  ///< "?verbose" has the value ""; of a repeated name the first

  /// The value of a parameter that is a choice: `fallback` if it is not there; "0" and "false" are false.
  [[nodiscard]] bool flag(const std::string& name, bool fallback) const;
};

/// Nothing: it is not a path, or its percent-encoding is broken.
[[nodiscard]] std::optional<Target> read_target(std::string_view target);

}  // namespace prefork
