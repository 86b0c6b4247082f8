// What fits the limit of descriptors, as a whole and on either side of the number that divides them.
#include "supervisor/io/descriptor_budget.h"

#include <doctest/doctest.h>

#include <string>

namespace prefork {
namespace {

Config config_of(unsigned workers, std::size_t queue) {
  Config config;
  config.pools.emplace_back();
  config.pools[0].workers = workers;
  config.pools[0].queue.max = queue;
  config.pools[0].listen.emplace_back();
  return config;
}

TEST_CASE(
    "the descriptors that a configuration can need grow with workers, queue and the connections that are "
    "held") {
  const std::size_t base = descriptors_needed(config_of(4, 100)).all();
  CHECK(descriptors_needed(config_of(4, 200)).all() == base + 100);
  CHECK(descriptors_needed(config_of(8, 100)).all() > base + 8);
  Config holding = config_of(4, 100);
  holding.pools[0].connections_per_worker = 50;
  CHECK(descriptors_needed(holding).all() == base);
  holding.pools[0].hold = Hold::kDone;
  CHECK(descriptors_needed(holding).all() == base + std::size_t{4} * 49);
}

TEST_CASE("FAULTS 61: a configuration over the limit of descriptors is refused with both numbers") {
  const Config config = config_of(4, 1000);
  const std::size_t needed = descriptors_needed(config).all();
  CHECK(check_descriptor_budget(config, needed).ok());
  const auto refused = check_descriptor_budget(config, needed - 1);
  REQUIRE_FALSE(refused.ok());
  CHECK(refused.error().message().find("can need " + std::to_string(needed) + " descriptors") !=
        std::string::npos);
  CHECK(refused.error().message().find("limit is " + std::to_string(needed - 1)) != std::string::npos);
}

TEST_CASE("client sockets begin where the supervisor has room for twice its need, and clients for theirs") {
  const Config config = config_of(4, 100);
  const DescriptorNeed need = descriptors_needed(config);
  CHECK(choose_first_client(config, 20'000) == 1024);
  CHECK(choose_first_client(config_of(400, 100), 20'000) ==
        static_cast<int>(2 * descriptors_needed(config_of(400, 100)).own));
  CHECK(choose_first_client(config, 2000) == 500);  // a small limit is the clients' for the most part
  CHECK(choose_first_client(config, need.all()) == static_cast<int>(need.own));
  CHECK(choose_first_client(config, need.all() + 7) == static_cast<int>(need.own) + 7);
  CHECK(check_descriptor_budget(config, need.all(), need.own).ok());
}

TEST_CASE(
    "FAULTS 61: with seccomp, what does not fit on its side of the number is refused, with both numbers") {
  const Config config = config_of(4, 100);
  const DescriptorNeed need = descriptors_needed(config);
  const auto own = check_descriptor_budget(config, 20'000, need.own - 1);
  REQUIRE_FALSE(own.ok());
  CHECK(
      own.error().message() ==
      "workers, listeners and the control socket can need " + std::to_string(need.own) +
          " descriptors at a time, but the supervisor has kept " + std::to_string(need.own - 1) +
          " for them when it started: those from there on are for clients, and seccomp keeps it from reading "
          "them; make workers smaller, or restart the supervisor");
  const auto clients = check_descriptor_budget(config, 1000, 1000 - need.clients + 1);
  REQUIRE_FALSE(clients.ok());
  CHECK(clients.error().message().find("can need 104 descriptors at a time, but for clients there are 103") !=
        std::string::npos);
}

}  // namespace
}  // namespace prefork
