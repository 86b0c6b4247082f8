// What fits the limit of descriptors, as a whole and on either side of the number that divides them.
#include "supervisor/app/descriptor_budget.h"

#include <doctest/doctest.h>

#include <string>

#include "config/limit_check.h"

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
          " descriptors at a time, but the supervisor reserved " + std::to_string(need.own - 1) +
          " for them when it started (higher numbers are for clients, and seccomp keeps the supervisor from "
          "reading them): 64 for the supervisor itself, 39 for workers, 2 for listen; make workers 3 or "
          "less, or "
          "restart the supervisor with these numbers in its file, so that it reserves descriptors for them");
  const auto clients = check_descriptor_budget(config, 1000, 1000 - need.clients + 1);
  REQUIRE_FALSE(clients.ok());
  const std::string text = clients.error().message();
  CHECK(text.find("can need 104 descriptors at a time, but for clients there are 103") != std::string::npos);
  CHECK(text.find(": 100 for queue.max, 4 for workers; make queue.max 99 or less") != std::string::npos);
}

TEST_CASE("FAULTS 191: a refusal names the bound that holds, and all that must be raised") {
  const Config config = config_of(4, 100);
  const DescriptorNeed need = descriptors_needed(config);
  // Both the limit and the number that was reserved are too small; a higher limit alone does not help.
  const std::string text = check_descriptor_budget(config, need.all() - 1, need.own - 1).error().message();
  CHECK(text.starts_with("workers, listeners and the control socket can need "));
  CHECK(
      text.ends_with("; make workers 3 or less, or raise the limit of " + std::to_string(need.all() - 1) +
                     ", of which " + std::to_string(need.all()) +
                     " are needed (ulimit -Hn in a shell, LimitNOFILE= of systemd), and restart the "
                     "supervisor with these numbers in its file, so that it reserves descriptors for them"));
}

TEST_CASE("the admin process counts with its sockets and its link") {
  Config config = config_of(4, 100);
  const std::size_t without = descriptors_needed(config).own;
  config.admin.listen.emplace_back();
  CHECK(descriptors_needed(config).own == without + 11);
}

TEST_CASE("FAULTS 61: the refusal of a file says where the largest number stands, and how much is allowed") {
  Config config = config_of(4, 100);
  config.pools[0].name = "web";
  config.pools.push_back(config.pools[0]);
  config.pools[1].name = "lines";
  config.pools[1].queue.max = 5000;
  config.text = R"({"pools": {"web": {}, "lines": {"queue": {"max": 5000}}}})";
  const auto message = [&config](std::size_t limit) {
    return check_descriptor_budget(config, limit).error().message();
  };
  CHECK(
      message(1024) ==
      "/pools/lines/queue/max: 5000 is not allowed: the configuration can need 5254 descriptors (open files "
      "and connections) at a time, but the limit is 1024: 5000 for queue.max of pool lines, "
      "100 for queue.max of pool web, 64 for the supervisor itself, 43 for workers of pool web, "
      "47 for the rest; make queue.max of pool lines 770 or less, "
      "or raise the limit (ulimit -Hn in a shell, LimitNOFILE= of systemd)");
  config.pools[1].queue.max = 770;
  CHECK(check_descriptor_budget(config, 1024).ok());
  // The file does not say it: the number is the default.
  config.pools.pop_back();
  config.pools[0].queue.max = 1024;
  config.text = "{}";
  CHECK(message(1024).starts_with("/queue/max: 1024 (the default) is not allowed: "));
}

TEST_CASE("FAULTS 61: the refusal names a number that helps, and the value that it advises is accepted") {
  Config config = config_of(8, 100);
  config.pools[0].elastic.emplace().min = 5;
  config.text = R"({"workers": {"max": 8, "min": 5}, "queue": {"max": 100}})";
  const auto message = [&config](std::size_t limit) {
    const auto checked = check_descriptor_budget(config, limit);
    return checked.ok() ? "" : checked.error().message();
  };
  const auto workers_need = [&config](unsigned workers) {
    config.pools[0].workers = workers;
    const std::size_t need = descriptors_needed(config).all();
    config.pools[0].workers = 8;
    return need;
  };
  config.pools[0].queue.max = 10;
  CHECK(message(workers_need(5)).starts_with("/workers/max: 8 is not allowed: "));
  CHECK(message(workers_need(5)).find("; make workers.max 5 or less, or raise") != std::string::npos);
  // Four would be fewer than min.
  CHECK(message(workers_need(5) - 1).starts_with("the configuration can need "));
  config.pools[0].queue.max = 60;
  CHECK(message(workers_need(5) - 1).starts_with("/queue/max: 60 is not allowed: "));
}

TEST_CASE("FAULTS 61: if no single number helps, the refusal names none") {
  Config config = config_of(1, 1);
  config.pools[0].queue.reject_with = "x";
  config.text = R"({"workers": 1, "queue": {"max": 1, "reject_with": "x"}})";
  CHECK(check_descriptor_budget(config, 1000).error().message() ==
        "the configuration can need 1113 descriptors (open files and connections) at a time, but the limit "
        "is 1000: 1024 for queue.reject_with, 64 for the supervisor itself, 22 for workers, 2 for listen, "
        "1 for the rest; no single number can be small enough: make several smaller, or raise the limit "
        "(ulimit -Hn in a shell, LimitNOFILE= of systemd)");
}

TEST_CASE("FAULTS 61: a need above what the kernel allows a process names that number, too") {
  const auto most = max_descriptors();
  if (!most || *most > 1'500'000) return;
  Config config = config_of(1, 1'000'000);
  config.pools.push_back(config.pools[0]);
  const std::string text = check_descriptor_budget(config, 1000).error().message();
  CHECK(text.ends_with("or raise the limit (ulimit -Hn in a shell, LimitNOFILE= of systemd; that is above " +
                       std::to_string(*most) + ", so sysctl fs.nr_open first)"));
}

TEST_CASE("FAULTS 61: the refusal names workers and the connections that they hold if these are the most") {
  Config config = config_of(1000, 100);
  config.text = R"({"workers": {"max": 1000}})";
  config.pools[0].elastic.emplace();
  const auto begins = [&config](const char* text) {
    return check_descriptor_budget(config, 1000).error().message().starts_with(text);
  };
  CHECK(begins("/workers/max: 1000 is not allowed: "));
  config.pools[0].workers = 10;
  config.pools[0].hold = Hold::kDone;
  config.pools[0].connections_per_worker = 300;
  config.text = R"({"connections_per_worker": 300})";
  CHECK(begins("/connections_per_worker: 300 is not allowed: "));
  config.pools[0].connections_per_worker = 1;
  config.pools[0].keep_alive = {.park = true, .max = 10'000};
  config.text = R"({"keep_alive": {"max": 10000}})";
  CHECK(begins("/keep_alive/max: 10000 is not allowed: "));
}

}  // namespace
}  // namespace prefork
