#include "proto/utf8.h"

#include <doctest/doctest.h>

#include <string>

namespace prefork {
namespace {

TEST_CASE("a text is cut at the limit, or before the character that the limit would split") {
  CHECK(cut_between_characters("abc", 5) == "abc");
  CHECK(cut_between_characters("abc", 3) == "abc");
  CHECK(cut_between_characters("abc", 2) == "ab");
  CHECK(cut_between_characters("abc", 0) == "");
  CHECK(cut_between_characters("", 3) == "");
  for (const std::string character : {"ä", "日", "🙂"}) {
    const std::string text = "x" + character + character;
    for (std::size_t limit = 0; limit <= text.size(); ++limit) {
      const std::size_t whole = limit == 0 ? 0 : 1 + (limit - 1) / character.size() * character.size();
      CAPTURE(limit);
      CHECK(cut_between_characters(text, limit) == text.substr(0, whole));
    }
  }
}

TEST_CASE("bytes that continue no character are cut at the limit") {
  const std::string bytes(10, '\x80');
  for (std::size_t limit = 4; limit <= bytes.size(); ++limit)
    CHECK(cut_between_characters(bytes, limit).size() == limit);
}

}  // namespace
}  // namespace prefork
