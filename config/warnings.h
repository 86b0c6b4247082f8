// What a file sets without effect, or without the effect it is set for: a timeout for what is switched off, a
// bound for clients that have no address. Told at the start, at a reload and by `check`, and never a reason
// to refuse.
#pragma once

#include <string>
#include <vector>

#include "config/config.h"

namespace prefork {

/// One line each, in the order of the file: file, place, what, why and what to do. Looks at `config.text`,
/// for what is written there counts, not what is left to its default. `file` is for the messages.
[[nodiscard]] std::vector<std::string> setting_warnings(const Config& config, const std::string& file);

}  // namespace prefork
