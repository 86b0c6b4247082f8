#include "tests/fuzz/config_property.h"

#include <doctest/doctest.h>

#include <array>
#include <cstddef>
#include <nlohmann/json.hpp>
#include <random>
#include <string>
#include <vector>

#include "config/schema.h"

namespace prefork {
namespace {

using nlohmann::json;
using test::broken_load;

constexpr const char* kWhole = R"({
  // every kind of value
  "name": "shop", "log": {"level": "info"}, "stop_timeout": "1m", "control": "/run/shop.sock", "seccomp": true,
  "pools": {
    "web": {
      "listen": [":8080", "[::1]:0", {"address": "unix:/tmp/web.sock", "mode": "0660", "owner": "root"}],
      "command": ["true", "x"], "workers": {"min": 2, "max": 64, "spare": 2}, "nice": -5, "umask": "0027",
      "keep_alive": {"park": true}, "queue": {"max": 100, "timeout": "5s", "reject_with": "\u0000\ud83d\ude00"},
      "environment": {"A": "\u00e4"}, "user": "daemon", "group": "4294967294",
      "limits": {"nofile": 4096, "core": "unlimited", "as": {"soft": "1GiB", "hard": "2GiB"}}
    },
    "lines": {"listen": "unix:@lines", "command": ["false"], "start": "fork", "restart": {"backoff_max": "10s"}}
  }
})";

constexpr std::array<const char*, 24> kValues = {
    "0",
    "-1",
    "4097",
    "1e300",
    "18446744073709551615",
    "true",
    "null",
    "\"\"",
    "\"x\"",
    "\"\\u0000\"",
    "\"10s\"",
    "\"25h\"",
    "\"99\"",
    "\"0999\"",
    "\"99999999999999999999\"",
    "[]",
    "{}",
    "[0,\"a\",{}]",
    "{\"a\":1}",
    "{\"address\":\"127.0.0.1:0\",\"mode\":\"8\"}",
    "\"[::1]:x\"",
    "\"unix:/\"",
    "\"\\ud83d\\ude00\"",
    "{\"min\":9,\"max\":1}",
};

// Seeded with a constant, so that a failure comes back: the seed is the same, and so are the bytes.
class RandomConfig {
 public:
  explicit RandomConfig(unsigned seed) : random_(seed) { collect_keys(json::parse(pool_schema())); }

  std::size_t below(std::size_t limit) { return random_() % limit; }
  std::string bytes(std::size_t size) {
    std::string result(size, '\0');
    for (char& byte : result) byte = static_cast<char>(random_() & 0xff);
    return result;
  }
  /// An object of keys that the schema knows, where each may have any value.
  std::string object(int depth) {
    std::string text = "{";
    for (std::size_t count = below(depth == 0 ? 80 : 8); count > 0; --count) {
      text += json(keys_[below(keys_.size())]).dump() + ": ";
      text += depth < 3 && below(3) == 0 ? object(depth + 1) : std::string(kValues.at(below(kValues.size())));
      text += ",";
    }
    text.back() = text.size() > 1 ? ' ' : '{';
    return text + "}";
  }

 private:
  void collect_keys(const json& node) {
    if (!node.is_structured()) return;
    for (const auto& [key, child] : node.items()) {
      if (key == "properties") {
        for (const auto& property : child.items()) keys_.push_back(property.key());
      }
      collect_keys(child);
    }
  }

  std::mt19937 random_;
  std::vector<std::string> keys_;
};

TEST_CASE("FAULTS 73: random bytes are refused with problems that can be printed") {
  RandomConfig random(1);
  for (std::size_t size = 0; size < 1000; ++size) {
    CAPTURE(size);
    REQUIRE(broken_load(random.bytes(size)) == "");
  }
}

TEST_CASE("FAULTS 73: a configuration with some bytes changed or cut is accepted or refused, nothing else") {
  RandomConfig random(2);
  REQUIRE(broken_load(kWhole) == "");
  for (int round = 0; round < 600; ++round) {
    CAPTURE(round);
    std::string text = kWhole;
    for (std::size_t changes = 1 + random.below(4); changes > 0; --changes)
      text[random.below(text.size())] = static_cast<char>(random.below(256));
    if (random.below(8) == 0) text.resize(random.below(text.size() + 1));
    REQUIRE(broken_load(text) == "");
  }
}

TEST_CASE("FAULTS 73: known keys with values of every kind, more mistakes than are reported among them") {
  RandomConfig random(3);
  for (int round = 0; round < 400; ++round) {
    const std::string text = random.object(0);
    CAPTURE(text);
    REQUIRE(broken_load(text) == "");
  }
}

TEST_CASE("FAULTS 73: a bad mode behind fifty other mistakes is read by nothing that throws") {
  for (const char* mode : {"rw-r--r--", "", "99999999999999999999", "0x1ff", "-1", "888"}) {
    CAPTURE(mode);
    std::string text = R"({"command": ["true"], "listen": [)";
    for (int mistakes = 0; mistakes < 60; ++mistakes) text += "7, ";
    text += R"({"address": "unix:/tmp/x.sock", "mode": ")" + std::string(mode) + "\"}]}";
    CHECK(broken_load(text) == "");
  }
}

}  // namespace
}  // namespace prefork
