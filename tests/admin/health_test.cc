#include "supervisor/admin/health.h"

#include <doctest/doctest.h>

#include "tests/admin/samples.h"

namespace prefork {
namespace {

TEST_CASE("pools with ready workers are ready") {
  const Verdict verdict = readiness(sample_status());
  CHECK(verdict.well);
  REQUIRE(verdict.lines.size() == 1);
  CHECK(verdict.lines[0] == "pool web: ready; workers 4 ready of 4, queue 0 of 16");
}

TEST_CASE("each reason makes a pool not ready") {
  Json pool = sample_pool();
  SUBCASE("no worker") {
    pool["ready"] = 0;
    CHECK(not_ready_because(pool) == "no worker is ready");
  }
  SUBCASE("the queue") {
    pool["queue"]["now"] = 15;
    CHECK(not_ready_because(pool).empty());
    pool["queue"]["now"] = 16;
    CHECK(not_ready_because(pool) == "the queue is full");
  }
  SUBCASE("the socket's file") {
    pool["listeners"][0]["file_missing"] = true;
    CHECK(not_ready_because(pool) == "the file of 127.0.0.1:80 is missing");
  }
  if (!not_ready_because(pool).empty())
    CHECK_FALSE(readiness(sample_status({sample_pool("other"), pool})).well);
}

TEST_CASE("a pool that is to have no workers is ready without") {
  Json pool = sample_pool();
  pool["ready"] = 0;
  pool["wanted"] = 0;
  CHECK(readiness(sample_status({pool})).well);
}

TEST_CASE("a removed pool does not count, a stop does") {
  Json removed = sample_pool();
  removed["removed"] = true;
  removed["ready"] = 0;
  CHECK(readiness(sample_status({removed, sample_pool("other")})).well);
  Json status = sample_status();
  status["stopping"] = true;
  CHECK_FALSE(readiness(status).well);
  CHECK(readiness(status).lines[0] == "the supervisor is stopping");
}

}  // namespace
}  // namespace prefork
