// Warns of keys without effect, or without the intended effect: a timeout of a feature that is off, a bound
// per address for clients that have no address. Called at the start, at a reload and by `check`. Never a
// reason to refuse the file.
#pragma once

#include <string>
#include <vector>

#include "config/config.h"

namespace prefork {

/// One line each, in the order of the file: file, place, what, why and what to do. Reads `config.text`,
/// because only keys that are written count, not defaults. `file` is for the messages. Does not
/// throw.
[[nodiscard]] std::vector<std::string> setting_warnings(const Config& config, const std::string& file);

}  // namespace prefork
