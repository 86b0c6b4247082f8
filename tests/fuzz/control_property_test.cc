#include "tests/fuzz/control_property.h"

#include <doctest/doctest.h>

#include <array>
#include <cstddef>
#include <random>

#include "supervisor/control/request_lines.h"

namespace prefork {
namespace {

using test::broken_answer;

constexpr std::array<const char*, 10> kRequests = {
    R"({"jsonrpc":"2.0","id":1,"method":"status","params":{"format":"table"}})",
    R"({"jsonrpc":"2.0","id":"two","method":"reload"})",
    R"({"jsonrpc":"2.0","id":null,"method":"restart","params":{"pool":"main"}})",
    R"({"jsonrpc":"2.0","id":1e300,"method":"scale","params":{"pool":"\u00e4\ud83d\ude00","workers":4}})",
    R"({"jsonrpc":"2.0","method":"stop","params":{"quick":true}})",
    R"({"jsonrpc":"2.0","id":[],"method":"upgrade"})",
    R"({"jsonrpc":"2.0","id":-7,"method":"reset_failed","params":{}})",
    R"({"jsonrpc":"2.0","id":18446744073709551615,"method":"subscribe","params":{"since":0}})",
    R"({"jsonrpc":"2.0","id":8,"method":"nonsense","params":[[[]]]})",
    R"([{"jsonrpc":"2.0","id":9,"method":"status"}])",
};

// Seeded with a constant, so that a failure comes back: the seed is the same, and so are the bytes.
class RandomText {
 public:
  explicit RandomText(unsigned seed) : random_(seed) {}

  std::size_t below(std::size_t limit) { return random_() % limit; }
  std::string bytes(std::size_t size) {
    std::string result(size, '\0');
    for (char& byte : result) byte = static_cast<char>(random_() & 0xff);
    return result;
  }
  /// A few requests, a line each.
  std::string requests() {
    std::string result;
    for (std::size_t count = 1 + below(3); count > 0; --count)
      result += std::string(kRequests.at(below(kRequests.size()))) + '\n';
    return result;
  }

 private:
  std::mt19937 random_;
};

TEST_CASE("FAULTS 67: random bytes get answers of the right form, or none") {
  RandomText random(1);
  for (std::size_t size = 0; size < 2000; ++size) {
    CAPTURE(size);
    REQUIRE(broken_answer(random.bytes(size)) == "");
  }
}

TEST_CASE("FAULTS 67: random requests with some bytes changed or cut get answers of the right form") {
  RandomText random(2);
  for (int round = 0; round < 3000; ++round) {
    CAPTURE(round);
    std::string text = random.requests();
    for (std::size_t changes = random.below(4); changes > 0; --changes)
      text[random.below(text.size())] = static_cast<char>(random.below(256));
    if (random.below(8) == 0) text.resize(random.below(text.size() + 1));
    REQUIRE(broken_answer(text) == "");
  }
}

TEST_CASE("FAULTS 67: a line as long as may be gets no longer an answer, however deep it is") {
  const std::string begin = R"({"jsonrpc":"2.0","id":")";
  const std::string end = R"(","method":"status"})";
  const std::string filling(RequestLines::kMaxLine - begin.size() - end.size(), 'x');
  CHECK(broken_answer(begin + filling + end + '\n') == "");
  for (const char* part : {"[", "{\"a\":", "\"\\u0001", "\\", "\x01"}) {
    std::string line;
    while (line.size() + 8 < RequestLines::kMaxLine) line += part;
    CHECK(broken_answer(line + '\n') == "");
    CHECK(broken_answer(begin + line.substr(begin.size() + end.size()) + end + '\n') == "");
    CHECK(broken_answer(line + line) == "");
  }
}

}  // namespace
}  // namespace prefork
