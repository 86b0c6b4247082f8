// Text from outside, fit for a line of the log.
#include "supervisor/loop/escape.h"

#include <doctest/doctest.h>

#include <string>
#include <string_view>

namespace prefork {
namespace {

TEST_CASE("text from outside becomes one line of printable ASCII, and not a long one") {
  CHECK(escape_to_ascii("plain text ~") == "plain text ~");
  CHECK(escape_to_ascii("a\nb\r\x1b[2J\x7f") == "a\\x0ab\\x0d\\x1b[2J\\x7f");
  CHECK(escape_to_ascii(std::string("nul\0", 4)) == "nul\\x00");
  CHECK(escape_to_ascii("\xc3\xa9") == "\\xc3\\xa9");
  CHECK(escape_to_ascii(std::string(300, 'x')) == std::string(200, 'x') + "…");
  CHECK(escape_to_ascii("12345", 5) == "12345");
  CHECK(escape_to_ascii("") == "");
}

TEST_CASE("control characters are escaped, text in any language is not") {
  CHECK(escape_to_utf8("tab\tstays") == "tab\tstays");
  CHECK(escape_to_utf8("\x1b[31mred\x07\r") == "\\x1b[31mred\\x07\\x0d");
  CHECK(escape_to_utf8("grün 日本 🙂") == "grün 日本 🙂");
  CHECK(escape_to_utf8(std::string_view("a\0b", 3)) == "a\\x00b");
  CHECK(escape_to_utf8("\x7f") == "\\x7f");
}

TEST_CASE("what is not UTF-8, or would deceive a terminal, is escaped byte by byte") {
  CHECK(escape_to_utf8("\xff\xfe") == "\\xff\\xfe");
  CHECK(escape_to_utf8("\xc3") == "\\xc3");
  CHECK(escape_to_utf8("\xc3(") == "\\xc3(");
  CHECK(escape_to_utf8("\xc0\xaf") == "\\xc0\\xaf");           // overlong
  CHECK(escape_to_utf8("\xed\xa0\x80") == "\\xed\\xa0\\x80");  // surrogate
  CHECK(escape_to_utf8("\xf4\x90\x80\x80") == "\\xf4\\x90\\x80\\x80");
  CHECK(escape_to_utf8("\xc2\x9b") == "\\xc2\\x9b");           // a control character of a terminal
  CHECK(escape_to_utf8("\xe2\x80\xae") == "\\xe2\\x80\\xae");  // writes from right to left
}

}  // namespace
}  // namespace prefork
