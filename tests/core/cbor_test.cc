// The CBOR that a state is made of: what is written is read, and no bytes lead beyond their end.
#include <doctest/doctest.h>

#include <cstdint>
#include <limits>
#include <string>
#include <string_view>
#include <vector>

#include "supervisor/core/cbor_reader.h"
#include "supervisor/core/cbor_writer.h"

namespace prefork {
namespace {

using Limits = std::numeric_limits<std::int64_t>;

std::string integer(std::int64_t value) {
  std::string bytes;
  CborWriter(bytes).integer(value);
  return bytes;
}

/// One of each kind, within each other.
std::string sample() {
  std::string bytes;
  CborWriter writer(bytes);
  writer.begin_map();
  writer.text("list");
  writer.list(3);
  writer.integer(-1000);
  writer.real(0.5);
  writer.null();
  writer.text("text");
  writer.text(std::string_view("\0\xff", 2));
  writer.end_map();
  return bytes;
}

TEST_CASE("integers have the shortest form of RFC 8949, and come back") {
  CHECK(integer(0) == std::string_view("\x00", 1));
  CHECK(integer(23) == "\x17");
  CHECK(integer(24) == "\x18\x18");
  CHECK(integer(1000) == "\x19\x03\xe8");
  CHECK(integer(-1) == "\x20");
  CHECK(integer(-1000) == "\x39\x03\xe7");
  for (const std::int64_t value : {std::int64_t{0}, std::int64_t{255}, std::int64_t{65536}, std::int64_t{-25},
                                   std::int64_t{1} << 40U, Limits::max(), Limits::min()}) {
    const std::string bytes = integer(value);
    CborReader reader(bytes);
    std::int64_t read = 7;
    CHECK(reader.integer(read));
    CHECK(read == value);
    CHECK(reader.at_end());
  }
}

TEST_CASE("an item of another kind is left where it is") {
  const std::string bytes = sample();
  CborReader reader(bytes);
  std::int64_t number = 0;
  std::string_view text;
  CborReader::Items items;
  CHECK_FALSE(reader.integer(number));
  CHECK_FALSE(reader.text(text));
  CHECK_FALSE(reader.null());
  CHECK_FALSE(reader.begin_list(items));
  CHECK(reader.sound());
  CHECK(reader.position() == 0);
  REQUIRE(reader.begin_map(items));
  REQUIRE(reader.next(items));
  CHECK(reader.text(text));
  CHECK(text == "list");
  CHECK(reader.skip());
  REQUIRE(reader.next(items));
  CHECK(reader.text(text));
  CHECK(reader.text(text));
  CHECK(text == std::string_view("\0\xff", 2));
  CHECK_FALSE(reader.next(items));
  CHECK(reader.sound());
  CHECK(reader.at_end());
}

TEST_CASE("items that this program never writes are passed over") {
  const std::vector<std::string> items{
      std::string("\xc1\x1a\x51\x4b\x67\xb0", 6),      // a tag and a number
      std::string("\x5f\x42\x01\x02\x41\x03\xff", 7),  // bytes in pieces
      std::string("\x9f\x01\xf5\xff", 4),              // a list with an end mark
      std::string("\xa1\x61\x61\x02", 4),              // a map with a length
      std::string("\xf9\x3c\x00", 3),                  // half a float
      "\xf7",
  };
  for (const std::string& item : items) {
    CborReader reader(item);
    CHECK(reader.skip());
    CHECK(reader.at_end());
  }
}

TEST_CASE("bytes that end too early are not CBOR, wherever they end") {
  const std::string bytes = sample();
  for (std::size_t size = 0; size < bytes.size(); ++size) {
    CborReader reader(std::string_view(bytes).substr(0, size));
    CHECK_FALSE(reader.skip());
    CHECK_FALSE(reader.sound());
  }
}

TEST_CASE("lengths beyond the end, end marks without a beginning and deep nesting are not CBOR") {
  const std::vector<std::string> items{"\x7b\xff\xff\xff\xff\xff\xff\xff\xff",
                                       "\x9b\xff\xff\xff\xff\xff\xff\xff\xff",
                                       "\xbb\xff\xff\xff\xff\xff\xff\xff\xff",
                                       "\xff",
                                       "\x1c",
                                       "\x1f",
                                       std::string(1000, '\x81'),
                                       std::string(1000, '\x9f'),
                                       std::string(1000, '\xc1')};
  for (const std::string& item : items) {
    CborReader reader(item);
    CHECK_FALSE(reader.skip());
    CHECK_FALSE(reader.sound());
  }
}

}  // namespace
}  // namespace prefork
