#include "supervisor/system/program_path.h"

#include <doctest/doctest.h>

#include <filesystem>

namespace prefork {
namespace {

TEST_CASE("the program knows the directory it is in") {
  CHECK(std::filesystem::exists(own_directory() + "/room-tests"));
}

}  // namespace
}  // namespace prefork
