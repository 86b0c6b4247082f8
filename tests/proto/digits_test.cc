#include "proto/digits.h"

#include <doctest/doctest.h>

#include <cstdint>
#include <optional>

namespace prefork {
namespace {

TEST_CASE("digits are a number, leading zeros included") {
  CHECK(parse_digits<int>("0") == 0);
  CHECK(parse_digits<int>("0042") == 42);
  CHECK(parse_digits<std::uint64_t>("18446744073709551615") == UINT64_MAX);
}

TEST_CASE("anything beside digits makes no number: a sign, a space, a letter, nothing at all") {
  for (const char* text : {"", "-1", "-0", "+1", " 1", "1 ", "1x", "x1", "0x10", "1.0"}) {
    CAPTURE(text);
    CHECK(parse_digits<int>(text) == std::nullopt);
    CHECK(parse_digits<std::uint32_t>(text) == std::nullopt);
  }
}

TEST_CASE("a number that its type cannot hold is none") {
  CHECK(parse_digits<std::uint16_t>("65535") == 65535);
  CHECK(parse_digits<std::uint16_t>("65536") == std::nullopt);
  CHECK(parse_digits<std::uint64_t>("18446744073709551616") == std::nullopt);
}

TEST_CASE("digits of another base are read as such") {
  CHECK(parse_digits<unsigned>("0660", 8) == 0660U);
  CHECK(parse_digits<unsigned>("0680", 8) == std::nullopt);
}

TEST_CASE("a number at the beginning of a text ends where its digits end") {
  CHECK(leading_digits("30s") == 2);
  CHECK(leading_digits("s30") == 0);
  CHECK(leading_digits("30") == 2);
  CHECK(leading_digits("") == 0);
}

}  // namespace
}  // namespace prefork
