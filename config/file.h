// Reads a configuration file whole, without ever hanging or filling the memory.
#pragma once

#include <cstddef>
#include <string>

#include "proto/result.h"

namespace prefork {

constexpr std::size_t kMaxConfigBytes = 1 << 20;

/// Only regular files of at most kMaxConfigBytes; the error does not repeat the file's name.
[[nodiscard]] Result<std::string> read_config_file(const std::string& file);

}  // namespace prefork
