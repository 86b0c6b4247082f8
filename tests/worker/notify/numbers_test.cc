#include "worker/notify/numbers.h"

#include <doctest/doctest.h>

#include <cstdint>
#include <set>

namespace prefork::notify {
namespace {

TEST_SUITE_BEGIN("numbers");

TEST_CASE("FAULTS 304: the numbers of connections end at the limit, and leave the others to the program") {
  for (const std::uint64_t limit : {64U, 100U, 1024U, 65536U}) {
    for (const unsigned slots : {1U, 10U, 100'000U}) {
      const NumberRange range = choose_numbers(limit, slots);
      CAPTURE(limit);
      CAPTURE(slots);
      CHECK(range.first + range.count == limit);
      CHECK(range.first >= 32);
      CHECK(range.count > 0);
      CHECK(range.first >= limit / 2);
    }
  }
  CHECK(choose_numbers(1024, 1).first > 1000);
  CHECK(choose_numbers(1'000'000'000, 1).first < 65536);
  for (const std::uint64_t limit : {0U, 3U, 32U}) CHECK(choose_numbers(limit, 1).count == 0);
  CHECK(choose_numbers(33, 1).count == 1);
}

TEST_CASE("a number that has become free is the last to be used again") {
  Numbers numbers({100, 4});
  std::set<std::uint32_t> seen;
  for (std::uint64_t ticket = 1; ticket <= 4; ++ticket) {
    const auto number = numbers.next_free();
    REQUIRE(number);
    seen.insert(*number);
    numbers.take(*number, ticket, 7);
    CHECK(numbers.release(*number, 7) == ticket);
  }
  CHECK(seen == std::set<std::uint32_t>{100, 101, 102, 103});
  CHECK(numbers.in_use() == 0);
}

TEST_CASE("a number in use is not given out, and only the process that has it ends it") {
  Numbers numbers({100, 2});
  numbers.take(100, 1, 7);
  numbers.take(101, 2, 8);
  CHECK(!numbers.next_free());
  for (const std::uint32_t other : {0U, 99U, 102U, 0xffffffffU}) {
    CHECK(numbers.owner_of(other) == 0);
    CHECK(!numbers.release(other, 7));
  }
  CHECK(!numbers.release(100, 8));
  CHECK(!numbers.release(100, 0));
  CHECK(numbers.any_of(8) == 101);
  CHECK(numbers.release(101, 8) == 2);
  CHECK(!numbers.release(101, 8));
  CHECK(!numbers.any_of(8));
  CHECK(numbers.next_free() == 101);
}

TEST_SUITE_END();

}  // namespace
}  // namespace prefork::notify
