// A command of the supervisor program, run to its end.
#pragma once

#include <string>
#include <vector>

namespace prefork::test {

struct CommandResult {
  int status = 0;      ///< exit status, or minus the signal that killed it
  std::string output;  ///< stdout
  std::string errors;  ///< stderr
};

/// Where the stdout of a command goes.
enum class Stdout { kCaptured, kFullDisk, kClosed };

/// Runs `supervisor ARGUMENTS…`; fails the test if it does not end in time.
[[nodiscard]] CommandResult run_supervisor(const std::vector<std::string>& arguments,
                                           Stdout destination = Stdout::kCaptured);

}  // namespace prefork::test
