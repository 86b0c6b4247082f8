#include "tests/support/test_directory.h"

#include <doctest/doctest.h>
#include <sys/stat.h>

#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <fstream>

namespace prefork::test {

TestDirectory::TestDirectory() {
  std::string name = (std::filesystem::temp_directory_path() / "supervisor-test-XXXXXX").string();
  REQUIRE(::mkdtemp(name.data()) != nullptr);
  path_ = name;
  REQUIRE(::mkdir(at("gates").c_str(), 0700) == 0);
}

TestDirectory::~TestDirectory() {
  std::error_code ignored;  // a leftover in the temporary directory fails no test
  std::filesystem::remove_all(path_, ignored);
}

std::string TestDirectory::write(const std::string& name, const std::string& content, mode_t mode) const {
  const std::string draft = at(name + ".new");
  std::ofstream(draft, std::ios::binary) << content;
  REQUIRE(::chmod(draft.c_str(), mode) == 0);
  REQUIRE(std::rename(draft.c_str(), at(name).c_str()) == 0);
  return at(name);
}

}  // namespace prefork::test
