// Which interpreter of Python has the packages that an application needs: the first one in PATH may be that
// of pyenv, and the packages Debian's. It asks interpreters in PATH, and runs nothing of the application.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "config/machine.h"

namespace prefork {

/// The packages among these that the interpreter does not find. Nothing: it does not answer within a few
/// seconds.
[[nodiscard]] std::optional<std::vector<std::string>> missing_packages(
    const std::string& python, const std::vector<std::string>& packages);

struct PythonChoice {
  std::string python = "python3";  ///< for the command
  std::string note = {};           ///< what a person should know of it; empty: nothing
};
/// `python3`, if it has the packages; else the first of that name in PATH that has them.
[[nodiscard]] PythonChoice choose_python(const std::vector<std::string>& packages,
                                         const CommandSearch& search);

}  // namespace prefork
