// Finds the program that a command names and says, before anything is started, why it could not be started.
#pragma once

#include <string>

#include "config/load.h"
#include "proto/result.h"

namespace prefork {

/// The absolute path of `name`. Without a slash it is looked up as CommandSearch says (relative entries of
/// the path are passed over); with one, and relative, it is relative to `directory`, or to the current one if
/// that is empty. The program must be an executable file that the kernel can start: ELF, or a script whose
/// interpreter exists.
[[nodiscard]] Result<std::string> find_program(const std::string& name, const std::string& directory,
                                               const CommandSearch& search);

}  // namespace prefork
