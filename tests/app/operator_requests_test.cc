// What an operator asks of running pools: which pools it reaches, and what is refused.
#include "supervisor/app/operator_requests.h"

#include <doctest/doctest.h>

#include <string>
#include <vector>

#include "config/max_workers.h"
#include "tests/app/parts.h"

namespace prefork {
namespace {

using namespace test;

struct Desk : public Parts {
  PoolRunner& add(const std::string& name) { return pools.add(empty_pool(name), Milliseconds(1000), {}); }
  OperatorRequests requests{log, pools, control, admin, clients};
};

using Names = std::vector<std::string>;

TEST_CASE("a restart and another attempt to start reach the pool that is named, or all of them") {
  Desk desk;
  desk.add("web");
  desk.add("api");
  CHECK(desk.requests.restart("api").value().pools == Names{"api"});
  CHECK(desk.requests.restart(std::nullopt).value().pools == Names{"web", "api"});
  CHECK(desk.requests.reset_failed("web").value() == Names{"web"});
  CHECK(desk.requests.restart("wob").error().message() == "there is no pool \"wob\"; there are web, api");
}

TEST_CASE("a number of workers is for one pool, named unless it is the only one") {
  Desk desk;
  PoolRunner& web = desk.add("web");
  const auto scaled = desk.requests.scale(std::nullopt, 3);
  REQUIRE(scaled.ok());
  CHECK(scaled.value().pool == "web");
  CHECK(scaled.value().before == 0);
  CHECK(scaled.value().workers == 3);
  CHECK(web.limit() == 3);
  desk.add("api");
  CHECK(desk.requests.scale(std::nullopt, 4).error().message() == "which pool? There are web, api");
  CHECK(desk.requests.scale("web", 2).ok());
  CHECK(web.limit() == 2);
}

TEST_CASE("FAULTS 61: a number of workers that needs more descriptors than there are is refused") {
  Desk desk;
  PoolRunner& web = desk.add("web");
  CHECK(desk.requests.scale("web", kMaxWorkers + 1).error().message() ==
        "a pool can have 0 to 4096 workers, not 4097");
  rlimit before{};
  REQUIRE(::getrlimit(RLIMIT_NOFILE, &before) == 0);
  const rlimit few{1300, before.rlim_max};
  REQUIRE(::setrlimit(RLIMIT_NOFILE, &few) == 0);
  CHECK_FALSE(desk.requests.scale("web", 1000).ok());
  CHECK(web.limit() == 0);
  REQUIRE(::setrlimit(RLIMIT_NOFILE, &before) == 0);
}

TEST_CASE("signals change every pool by one worker, down to none") {
  Desk desk;
  PoolRunner& web = desk.add("web");
  PoolRunner& api = desk.add("api");
  desk.requests.resize_by(1);
  CHECK(web.limit() == 1);
  CHECK(api.limit() == 1);
  desk.requests.resize_by(-1);
  desk.requests.resize_by(-1);
  CHECK(web.limit() == 0);
}

TEST_CASE("nothing is asked of pools that stop") {
  Desk desk;
  PoolRunner& web = desk.add("web");
  desk.pools.stop(/*quick=*/false);
  desk.requests.resize_by(1);
  CHECK(web.limit() == 0);
  CHECK(desk.requests.restart("web").error().message() == "the supervisor is stopping");
}

}  // namespace
}  // namespace prefork
