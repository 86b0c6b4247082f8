// Where a key of a pool is in the text of a configuration: for messages about a value after the configuration
// was accepted.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "config/config.h"

namespace prefork {

struct KeyPlace {
  std::string pointer;   ///< JSON pointer (RFC 6901)
  bool written = false;  ///< false: the text leaves the value to its default
};

/// `key` as in "queue.max". Nothing when the configuration was not made from a text. Does not throw.
[[nodiscard]] std::optional<KeyPlace> place_of_key(const Config& config, const PoolConfig& pool,
                                                   std::string_view key);

}  // namespace prefork
