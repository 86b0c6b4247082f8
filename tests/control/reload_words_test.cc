// The last reload in words, and as a client reads it from the status.
#include "supervisor/control/reload_words.h"

#include <doctest/doctest.h>

#include <chrono>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

namespace prefork {
namespace {

using std::chrono::seconds;
using Lines = std::vector<std::string>;

TEST_CASE("a reload that was applied is one line, and one that was refused says why") {
  CHECK(describe(LastReload{.applied = true}, seconds(2)) == Lines{"last reload: applied 2.0 s ago"});
  CHECK(describe(LastReload{.count = 1, .mistakes = {"pool.json: /listen: is missing"}}, seconds(300)) ==
        Lines{"last reload: refused 5 min ago, nothing has changed: pool.json: /listen: is missing"});
  CHECK(describe(LastReload{.count = 3, .mistakes = {"a", "b"}}, seconds(2)) ==
        Lines{"last reload: refused 2.0 s ago, nothing has changed: 3 mistakes", "  a", "  b",
              "  and 1 more: \"supervisor check\" shows all"});
}

TEST_CASE("what a client reads of a reload is what the supervisor has written") {
  const LastReload refused{.count = 7, .mistakes = {"a", "b"}};
  const auto read = reload_of({{"reload", to_json(refused, seconds(5))}});
  REQUIRE(read);
  CHECK_FALSE(read->reload.applied);
  CHECK(read->reload.count == 7);
  CHECK(read->reload.mistakes == Lines{"a", "b"});
  CHECK(read->ago == seconds(5));
}

TEST_CASE("a status without a reload, or with one that is not understood, has none") {
  for (const char* status : {"{}", "null", "[]", R"({"reload": null})", R"({"reload": {"applied": 1}})",
                             R"({"reload": {"applied": true, "ago_ms": "", "count": 1, "mistakes": {}}})"}) {
    CAPTURE(status);
    CHECK_FALSE(reload_of(nlohmann::ordered_json::parse(status)));
  }
}

}  // namespace
}  // namespace prefork
