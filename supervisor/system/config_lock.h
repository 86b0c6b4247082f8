// The lock on the configuration file: it keeps a second supervisor from running with the same file. The lock
// belongs to the file, not to its name: after the file was replaced it must be taken again.
#pragma once

#include <string>

#include "proto/fd.h"
#include "proto/result.h"

namespace prefork {

/// Locks the configuration file for as long as the Fd lives. An error when another supervisor has it.
[[nodiscard]] Result<Fd> lock_config(const std::string& file);
/// Whether `lock` is a lock on the file that has this name now.
[[nodiscard]] bool locks(const Fd& lock, const std::string& file);

}  // namespace prefork
