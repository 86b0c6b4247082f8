#include "config/changes.h"

#include <doctest/doctest.h>

#include "config/listen_address.h"

namespace prefork {
namespace {

using namespace std::chrono_literals;

ListenAddress address(std::string_view text) { return parse_listen_address(text).value(); }

PoolConfig pool(const std::string& name = "web") {
  PoolConfig config;
  config.name = name;
  config.listen = {address("127.0.0.1:80")};
  config.command = {"true"};
  config.executable = "/usr/bin/true";
  return config;
}

/// What differs after `change` was made to a pool.
template <typename Change>
PoolChanges after(Change change) {
  PoolConfig changed = pool();
  change(changed);
  return compare(pool(), changed);
}

TEST_SUITE_BEGIN("changes");

TEST_CASE("equal pools differ in nothing") {
  const PoolChanges changes = compare(pool(), pool());
  CHECK_FALSE(changes.any());
  CHECK(changes.listeners.kept.size() == 1);
}

TEST_CASE("what a running worker cannot take over replaces the workers, and touches nothing else") {
  const auto only_workers = [](const PoolChanges& changes) {
    return changes.workers_replaced && !changes.size && !changes.policy && !changes.listeners.any();
  };
  CHECK(only_workers(after([](PoolConfig& p) { p.command = {"true", "x"}; })));
  CHECK(only_workers(after([](PoolConfig& p) { p.executable = "/bin/true"; })));
  CHECK(only_workers(after([](PoolConfig& p) { p.start = StartForm::kFork; })));
  CHECK(only_workers(after([](PoolConfig& p) { p.directory = "/"; })));
  CHECK(only_workers(after([](PoolConfig& p) { p.scheduling = Scheduling::kNormal; })));
  CHECK(only_workers(after([](PoolConfig& p) { p.environment["A"] = "1"; })));
  CHECK(only_workers(after([](PoolConfig& p) { p.connections_per_worker = 2; })));
  CHECK(only_workers(after([](PoolConfig& p) { p.output = Output::kInherit; })));
  CHECK(only_workers(after([](PoolConfig& p) { p.surroundings.identity = Identity{1, 1, {1}}; })));
  CHECK(only_workers(after([](PoolConfig& p) { p.surroundings.umask = 077; })));
  CHECK(only_workers(after([](PoolConfig& p) { p.surroundings.nice = 5; })));
  CHECK(only_workers(after([](PoolConfig& p) { p.surroundings.limits = {{7, "nofile", 1, 1}}; })));
  CHECK(only_workers(after([](PoolConfig& p) { p.surroundings.oom_score_adj = 5; })));
}

TEST_CASE("another number of workers is a change of size alone") {
  const PoolChanges changes = after([](PoolConfig& p) { p.workers = 9; });
  CHECK(changes.size);
  CHECK_FALSE(changes.workers_replaced);
  CHECK_FALSE(changes.policy);
  CHECK(after([](PoolConfig& p) { p.elastic = ElasticConfig{}; }).size);
}

TEST_CASE("rules of the supervisor change without touching a worker") {
  const auto only_policy = [](const PoolChanges& changes) {
    return changes.policy && !changes.size && !changes.workers_replaced && !changes.listeners.any();
  };
  CHECK(only_policy(after([](PoolConfig& p) { p.prefer = Prefer::kWarmest; })));
  CHECK(only_policy(after([](PoolConfig& p) { p.hold = Hold::kDone; })));
  CHECK(only_policy(after([](PoolConfig& p) { p.queue.max = 1; })));
  CHECK(only_policy(after([](PoolConfig& p) { p.health.kill_timeout = 1s; })));
  CHECK(only_policy(after([](PoolConfig& p) { p.restart.backoff_max = 1s; })));
}

TEST_CASE("listeners are added, removed, changed and kept by their place") {
  const PoolChanges changes = after([](PoolConfig& p) {
    p.listen.front().backlog = 5;
    p.listen.push_back(address("unix:@x"));
  });
  CHECK(changes.listeners.changed == std::vector<ListenAddress>{[] {
          ListenAddress with_backlog = address("127.0.0.1:80");
          with_backlog.backlog = 5;
          return with_backlog;
        }()});
  CHECK(changes.listeners.added == std::vector<ListenAddress>{address("unix:@x")});
  CHECK(changes.listeners.removed.empty());

  const PoolChanges moved = after([](PoolConfig& p) { p.listen = {address("127.0.0.1:81")}; });
  CHECK(moved.listeners.added == std::vector<ListenAddress>{address("127.0.0.1:81")});
  CHECK(moved.listeners.removed == std::vector<ListenAddress>{address("127.0.0.1:80")});
}

TEST_CASE("two listeners with a port of the kernel's choice are two") {
  PoolConfig two = pool();
  two.listen = {address(":0"), address(":0")};
  PoolConfig one = pool();
  one.listen = {address(":0")};
  CHECK_FALSE(compare(two, two).listeners.any());
  CHECK(compare(two, one).listeners.removed.size() == 1);
  CHECK(compare(one, two).listeners.added.size() == 1);
}

TEST_CASE("a listener that is equal is kept even if another one is at the same place before it") {
  PoolConfig before = pool();
  before.listen = {address(":0"), address(":0")};
  before.listen.front().backlog = 5;
  PoolConfig after_swap = pool();
  after_swap.listen = {before.listen.back(), before.listen.front()};
  CHECK_FALSE(compare(before, after_swap).listeners.any());
}

TEST_CASE("pools are matched by name") {
  const Config before{"main", LogLevel::kInfo, 30s, {pool("a"), pool("b")}};
  PoolConfig larger = pool("b");
  larger.workers = 7;
  const Config after{"main", LogLevel::kInfo, 30s, {pool("c"), larger}};
  const ConfigChanges changes = compare(before, after);
  CHECK(changes.added == std::vector<std::string>{"c"});
  CHECK(changes.removed == std::vector<std::string>{"a"});
  REQUIRE(changes.kept.size() == 1);
  CHECK(changes.kept.front().name == "b");
  CHECK(changes.kept.front().changes.size);
  CHECK(changes.any());
  CHECK_FALSE(compare(before, before).any());
}

TEST_CASE("the keys beside the pools are compared, too") {
  const Config before{"main", LogLevel::kInfo, 30s, {pool()}};
  Config after = before;
  after.log_level = LogLevel::kDebug;
  CHECK(compare(before, after).log_level);
  CHECK(compare(before, after).any());
  after = before;
  after.stop_timeout = 1s;
  CHECK(compare(before, after).stop_timeout);
  CHECK_FALSE(compare(before, after).log_level);
  after = before;
  after.control = "/run/shop.sock";
  CHECK(compare(before, after).control);
  CHECK(compare(before, after).any());
}

TEST_SUITE_END();

}  // namespace
}  // namespace prefork
