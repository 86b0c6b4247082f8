#include "tests/e2e/program.h"

#include <doctest/doctest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cstdlib>

namespace prefork::test {

Program::Program() {
  // A supervisor that has given up root must find it, too.
  REQUIRE(::chmod(directory_.path().c_str(), 0755) == 0);
  use_built();
}

std::string Program::use_copy(const std::string& name) const {
  const std::string copy = directory_.at(name);
  REQUIRE(::system(("cp '" + SupervisorUnderTest::built_program() + "' '" + copy + "'").c_str()) == 0);
  link_to(copy);
  return copy;
}

void Program::use_script(const std::string& text, mode_t mode) const {
  (void)directory_.write("supervisor", text, mode);
}

void Program::remove() const { (void)::unlink(path().c_str()); }

void Program::link_to(const std::string& target) const {
  const std::string fresh = directory_.at("fresh");
  REQUIRE(::symlink(target.c_str(), fresh.c_str()) == 0);
  REQUIRE(::rename(fresh.c_str(), path().c_str()) == 0);
}

std::unique_ptr<SupervisorUnderTest> start(const Program& program, const std::string& config,
                                           std::size_t listeners) {
  SupervisorUnderTest::Options options;
  options.listeners = listeners;
  options.program = program.path();
  return std::make_unique<SupervisorUnderTest>(config, options);
}

std::vector<std::string> waits_at_gate() {
  return scripted(
      {"ready", "recv", "busy", "read:1", "write:a", "gate:go", "write:b", "shutdown", "close", "idle"});
}

std::unique_ptr<Client> begin(const std::string& address) {
  auto client = std::make_unique<Client>(address);
  client->send("?");
  REQUIRE(client->receive(1) == "a");
  return client;
}

}  // namespace prefork::test
