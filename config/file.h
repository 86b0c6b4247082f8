// Reads a whole configuration file. Never blocks, and bounds its use of memory. load.cc and the commands call
// it.
#pragma once

#include <cstddef>
#include <string>

#include "proto/result.h"

namespace prefork {

constexpr std::size_t kMaxConfigBytes = 1 << 20;

/// Reads only regular files of at most kMaxConfigBytes. The error does not contain the file's name.
[[nodiscard]] Result<std::string> read_config_file(const std::string& file);

}  // namespace prefork
