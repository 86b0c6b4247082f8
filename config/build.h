// Document → Config, value by value. Tolerates values that the schema has refused, so that one mistake does
// not hide another: a value of the wrong type counts as absent. load.cc calls it.
#pragma once

#include <string>

#include "config/config.h"
#include "config/document.h"
#include "config/machine.h"
#include "config/problems.h"

namespace prefork {

/// What a file is read with besides its text.
struct Surroundings {
  std::string directory;             ///< of the file: relative paths begin there
  const Machine* machine = nullptr;  ///< null: it is not asked for programs, users, directories and hosts
};

[[nodiscard]] Config build_config(const Document& document, const Surroundings& surroundings,
                                  Problems& problems);

}  // namespace prefork
