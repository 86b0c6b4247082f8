// Work whose amount a stranger decides gets a share of the loop's time.
#include "supervisor/loop/time_share.h"

#include <doctest/doctest.h>

#include <chrono>

namespace prefork {
namespace {

using namespace std::chrono_literals;

const Instant kStart = Instant(1000s);

TEST_CASE("the most is available at once, then one part of the time that passes") {
  TimeShare share(5);
  REQUIRE(share.available(kStart));
  share.spent(TimeShare::kMost);
  CHECK_FALSE(share.available(kStart));
  CHECK(share.wait() == 5 * TimeShare::kLeast);
  CHECK(share.available(kStart + share.wait()));
  Instant now = kStart + 1s;
  Duration work{};
  while (now < kStart + 2s) {
    if (share.available(now)) {
      share.spent(20us);
      work += 20us;
      now += 20us;
    } else {
      now += share.wait();
    }
  }
  CHECK(work >= 190ms);
  CHECK(work <= 201ms);
}

TEST_CASE("what is not used is saved up to a bound") {
  TimeShare share(5);
  REQUIRE(share.available(kStart));
  REQUIRE(share.available(kStart + 1h));
  share.spent(TimeShare::kMost);
  CHECK_FALSE(share.available(kStart + 1h));
}

TEST_CASE("what becomes available within a turn belongs to the next one") {
  TimeShare share(5);
  for (int i = 0; i < 10; ++i) {
    REQUIRE(share.available(kStart));
    share.spent(TimeShare::kMost / 10);
  }
  CHECK_FALSE(share.available(kStart));
  CHECK(share.available(kStart + 10ms));
}

TEST_CASE("a step that took too long is paid for, up to a bound") {
  TimeShare share(5);
  REQUIRE(share.available(kStart));
  share.spent(TimeShare::kMost + 100us);
  CHECK(share.wait() == (TimeShare::kLeast + 100us) * 5);
  share.spent(1h);
  CHECK(share.wait() <= 51ms);
}

}  // namespace
}  // namespace prefork
