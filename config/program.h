// Finds the program of a command and reports, before a worker is started, why it could not run.
#pragma once

#include <string>

#include "config/machine.h"
#include "proto/result.h"

namespace prefork {

/// The absolute path of `name`. A name without a slash is looked up in the directories of CommandSearch
/// (relative entries of the path are skipped). A relative name with a slash is relative to `directory`, or to
/// the current directory if `directory` is empty. The program must be an executable file that the kernel can
/// start: ELF, or a script whose interpreter exists. The error says which file and why.
[[nodiscard]] Result<std::string> find_program(const std::string& name, const std::string& directory,
                                               const CommandSearch& search);

/// The interpreter that a script names after #!; "" for a file that is no script or cannot be read.
[[nodiscard]] std::string interpreter_of_script(const std::string& path);

/// What these two paths lead to now. A part that cannot be examined stays empty.
[[nodiscard]] PinnedProgram pin_program(const std::string& executable, const std::string& directory);

}  // namespace prefork
