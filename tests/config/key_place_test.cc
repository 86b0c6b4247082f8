// A key of a pool is found in the text, in both forms of a file.
#include "config/key_place.h"

#include <doctest/doctest.h>

#include <string>

namespace prefork {
namespace {

Config config_of(const std::string& text) {
  Config config;
  config.text = text;
  config.pools.emplace_back().name = "web";
  return config;
}

void check_place(const std::string& text, const char* key, const char* pointer, bool written) {
  const Config config = config_of(text);
  const auto place = place_of_key(config, config.pools[0], key);
  REQUIRE(place);
  CHECK(place->pointer == pointer);
  CHECK(place->written == written);
}

TEST_CASE("a key is found in a file with one pool, and in one with several") {
  check_place(R"({"queue": {"max": 7}})", "queue.max", "/queue/max", true);
  check_place(R"({"pools": {"web": {"workers": 7}}})", "workers", "/pools/web/workers", true);
}

TEST_CASE("a key that is left to its default has a place, but is not written there") {
  check_place(R"({"name": "web"})", "queue.max", "/queue/max", false);
  check_place(R"({"queue": {}})", "queue.max", "/queue/max", false);
  check_place(R"({"pools": {"web": {}}})", "workers.max", "/pools/web/workers/max", false);
}

TEST_CASE("a configuration that was not made from a text has no places") {
  const Config config = config_of("");
  CHECK_FALSE(place_of_key(config, config.pools[0], "workers"));
}

}  // namespace
}  // namespace prefork
