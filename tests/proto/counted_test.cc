// Numbers with their nouns in messages.
#include "proto/counted.h"

#include <doctest/doctest.h>

#include <string>

namespace prefork {
namespace {

TEST_SUITE_BEGIN("counted");

TEST_CASE("only one is singular") {
  CHECK(counted(1, "worker") == "1 worker");
  CHECK(counted(0, "worker") == "0 workers");
  CHECK(counted(2, "worker") == "2 workers");
  CHECK(counted(1, "log line") == "1 log line");
  CHECK(std::string(was(1)) == "was");
  CHECK(std::string(was(0)) == "were");
}

TEST_SUITE_END();

}  // namespace
}  // namespace prefork
