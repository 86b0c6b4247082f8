// Workers that are replaced for their age, their connections or their memory.
#include <doctest/doctest.h>

#include <string>

#include "tests/e2e/load.h"
#include "tests/support/supervisor_under_test.h"

using namespace prefork::test;

TEST_CASE("under load, hundreds of workers are recycled and no connection fails") {
  SupervisorUnderTest supervisor({.command = {"supervisor-worker", "line"},
                                  .workers = 4,
                                  .more = R"("recycle": {"connections": 10, "at_once": 2})"});
  Load load(supervisor.address(), "W 0\n", 6);
  const PoolTable pool = supervisor.wait_for_pool("200 workers were recycled",
                                                  [](const PoolTable& now) { return now["starts"] >= 204; });
  CHECK(load.stop().flawless());
  CHECK(pool["crashes"] == 0);
  CHECK(pool["start_failures"] == 0);
  CHECK(pool["lost"] == 0);
}

TEST_CASE("a worker leaves at its age, and one that has grown too large") {
  for (const std::string recycle : {R"("recycle": {"age": "100ms"})", R"("recycle": {"rss": "64KiB"})"}) {
    CAPTURE(recycle);
    SupervisorUnderTest supervisor({.workers = 2, .more = recycle});
    const PoolTable first =
        supervisor.wait_for_pool("two serve", [](const PoolTable& now) { return now["workers"] >= 2; });
    supervisor.wait_for_pool("others serve", [&](const PoolTable& now) {
      return now["workers"] >= 2 && now["starts"] >= 4 && now["crashes"] == 0;
    });
  }
}
