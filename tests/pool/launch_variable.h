// The environment of a launch, for tests.
#pragma once

#include <doctest/doctest.h>

#include <string>

#include "supervisor/spawner/launch.h"

namespace prefork::test {

/// The value of a variable, which does not stand there twice; "-": it is not there.
inline std::string launch_variable(const std::string& name, const Launch& launch) {
  std::string found = "-";
  for (const std::string& entry : launch.environment) {
    if (!entry.starts_with(name + '=')) continue;
    CHECK(found == "-");
    found = entry.substr(name.size() + 1);
  }
  return found;
}

}  // namespace prefork::test
