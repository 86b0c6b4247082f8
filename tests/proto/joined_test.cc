// Lists in messages.
#include "proto/joined.h"

#include <doctest/doctest.h>

#include <string>
#include <string_view>
#include <vector>

namespace prefork {
namespace {

TEST_SUITE_BEGIN("joined");

TEST_CASE("a separator stands between two parts, and nowhere else") {
  CHECK(joined(std::vector<std::string>{}).empty());
  CHECK(joined(std::vector<std::string>{"web"}) == "web");
  CHECK(joined(std::vector<std::string>{"web", "api", "admin"}) == "web, api, admin");
}

TEST_CASE("an empty part keeps its place") {
  CHECK(joined(std::vector<std::string>{"", "api", ""}) == ", api, ");
}

TEST_CASE("parts of any text type are joined with any separator") {
  constexpr std::string_view kParts[] = {"pool", "workers"};
  CHECK(joined(kParts, "; ") == "pool; workers");
}

TEST_SUITE_END();

}  // namespace
}  // namespace prefork
