// For tests of an upgrade in place: the path that a supervisor is started from. A test can install another
// program there.
#pragma once

#include <sys/types.h>

#include <cstddef>
#include <memory>
#include <string>
#include <vector>

#include "tests/support/client.h"
#include "tests/support/supervisor_under_test.h"
#include "tests/support/test_directory.h"

namespace prefork::test {

class Program {
 public:
  Program();
  [[nodiscard]] std::string path() const { return directory_.at("supervisor"); }

  /// Links to the built program by a symbolic link, as deployments do.
  void use_built() const { link_to(SupervisorUnderTest::built_program()); }
  /// Installs the same program as another file; returns its path.
  std::string use_copy(const std::string& name) const;
  void use_script(const std::string& text, mode_t mode = 0755) const;
  void remove() const;

 private:
  void link_to(const std::string& target) const;

  TestDirectory directory_;
};

[[nodiscard]] std::unique_ptr<SupervisorUnderTest> start(const Program& program, const std::string& config,
                                                         std::size_t listeners = 1);

/// A worker that answers "a" to its first client's first byte, and "b" when the gate "go" is open; then it
/// serves as an echo.
[[nodiscard]] std::vector<std::string> waits_at_gate();
/// A client of that worker that has received the "a".
[[nodiscard]] std::unique_ptr<Client> begin(const std::string& address);

}  // namespace prefork::test
