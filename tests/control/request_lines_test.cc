// What a client sends, line by line.
#include "supervisor/control/request_lines.h"

#include <doctest/doctest.h>

namespace prefork {
namespace {

const std::string kLongest(RequestLines::kMaxLine, 'x');

TEST_CASE("lines are returned one by one, however the bytes are split") {
  RequestLines lines;
  lines.append("one\ntw");
  CHECK(lines.ready());
  CHECK(lines.take() == "one");
  CHECK_FALSE(lines.ready());
  CHECK(lines.take() == std::nullopt);
  lines.append("o\n\nthree");
  CHECK(lines.take() == "two");
  CHECK(lines.take() == "");
  CHECK(lines.take() == std::nullopt);
}

TEST_CASE("FAULTS 67: the longest line is returned; with one more byte it is too long, even before its end") {
  RequestLines lines;
  lines.append(kLongest);
  CHECK_FALSE(lines.too_long());
  SUBCASE("a newline") {
    lines.append("\n");
    CHECK(lines.take() == kLongest);
  }
  SUBCASE("another byte") {
    lines.append("x");
    CHECK(lines.too_long());
    lines.append("\n");
    CHECK(lines.too_long());
    CHECK_FALSE(lines.ready());
    CHECK(lines.take() == std::nullopt);
  }
}

TEST_CASE("FAULTS 67: a line that is too long does not hide the lines before it") {
  RequestLines lines;
  lines.append("one\n" + kLongest + "x\ntwo\n");
  CHECK_FALSE(lines.too_long());
  CHECK(lines.take() == "one");
  CHECK(lines.too_long());
}

}  // namespace
}  // namespace prefork
