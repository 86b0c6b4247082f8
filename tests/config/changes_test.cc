#include "config/changes.h"

#include <doctest/doctest.h>

#include "config/listen_address.h"

namespace prefork {
namespace {

using namespace std::chrono_literals;

ListenAddress address(std::string_view text) { return parse_listen_address(text).value(); }

PoolConfig pool() {
  PoolConfig config;
  config.name = "web";
  config.listen = {address("127.0.0.1:80")};
  config.command = {"true"};
  config.executable = "/usr/bin/true";
  config.pinned = {"/releases/1/app", "/releases/1", 1, 1, 1, 1, 1, 1, 1};
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

TEST_CASE("a program and a directory that are not known differ from nothing") {
  CHECK_FALSE(after([](PoolConfig& p) { p.pinned = {}; }).any());
}

TEST_CASE("other addresses replace the workers of an accept pool, and no others") {
  PoolConfig before = pool();
  PoolConfig after = pool();
  after.listen.push_back(address("127.0.0.1:81"));
  CHECK(compare(before, after).workers_replaced.empty());
  before.protocol.name = after.protocol.name = Protocol::kAccept;
  CHECK(compare(before, after).workers_replaced == Keys{"listen"});
  CHECK(compare(after, before).workers_replaced == Keys{"listen"});
  after = before;
  after.listen[0].backlog = 7;
  CHECK(compare(before, after).workers_replaced.empty());
  after.listen[0].answers.hosts = {"127.0.0.2"};
  CHECK(compare(before, after).workers_replaced == Keys{"listen"});
}

TEST_CASE("equal pools differ in nothing") {
  const PoolChanges changes = compare(pool(), pool());
  CHECK_FALSE(changes.any());
  CHECK(changes.listeners.kept.size() == 1);
}

TEST_CASE("a key that a running worker cannot take over replaces the workers, and changes nothing else") {
  const auto only_workers = [](const PoolChanges& changes) {
    return !changes.workers_replaced.empty() && changes.size.empty() && changes.policy.empty() &&
           !changes.listeners.any();
  };
  CHECK(only_workers(after([](PoolConfig& p) { p.command = {"true", "x"}; })));
  CHECK(only_workers(after([](PoolConfig& p) { p.executable = "/bin/true"; })));
  CHECK(only_workers(after([](PoolConfig& p) { p.pinned.executable = "/releases/2/app"; })));
  CHECK(only_workers(after([](PoolConfig& p) { p.pinned.inode = 2; })));
  CHECK(only_workers(after([](PoolConfig& p) { p.pinned.modified = 2; })));
  CHECK(only_workers(after([](PoolConfig& p) { p.pinned.directory = "/releases/2"; })));
  CHECK(only_workers(after([](PoolConfig& p) { p.pinned.directory_inode = 2; })));
  CHECK(only_workers(after([](PoolConfig& p) { p.pinned.directory_born = 2; })));
  CHECK(only_workers(after([](PoolConfig& p) { p.start = StartForm::kFork; })));
  CHECK(only_workers(after([](PoolConfig& p) { p.directory = "/"; })));
  CHECK(only_workers(after([](PoolConfig& p) { p.scheduling = Scheduling::kNormal; })));
  CHECK(only_workers(after([](PoolConfig& p) { p.environment["A"] = "1"; })));
  CHECK(only_workers(after([](PoolConfig& p) { p.connections_per_worker = 2; })));
  CHECK(only_workers(after([](PoolConfig& p) { p.output = Output::kInherit; })));
  CHECK(only_workers(after([](PoolConfig& p) { p.process.identity = Identity{1, 1, {1}}; })));
  CHECK(only_workers(after([](PoolConfig& p) { p.process.umask = 077; })));
  CHECK(only_workers(after([](PoolConfig& p) { p.process.nice = 5; })));
  CHECK(only_workers(after([](PoolConfig& p) { p.process.limits = {{7, "nofile", 1, 1}}; })));
  CHECK(only_workers(after([](PoolConfig& p) { p.process.oom_score_adj = 5; })));
}

TEST_CASE("another number of workers is a change of size alone") {
  const PoolChanges changes = after([](PoolConfig& p) { p.workers = 9; });
  CHECK(changes.size == Keys{"workers"});
  CHECK(changes.workers_replaced.empty());
  CHECK(changes.policy.empty());
  CHECK(after([](PoolConfig& p) { p.elastic = ElasticConfig{}; }).size == Keys{"workers"});
}

TEST_CASE("rules of the supervisor change without replacing a worker") {
  const auto only_policy = [](const PoolChanges& changes) {
    return !changes.policy.empty() && changes.size.empty() && changes.workers_replaced.empty() &&
           !changes.listeners.any();
  };
  CHECK(only_policy(after([](PoolConfig& p) { p.prefer = Prefer::kWarmest; })));
  CHECK(only_policy(after([](PoolConfig& p) { p.hold = Hold::kDone; })));
  CHECK(only_policy(after([](PoolConfig& p) { p.queue.max = 1; })));
  CHECK(only_policy(after([](PoolConfig& p) { p.health.kill_timeout = 1s; })));
  CHECK(only_policy(after([](PoolConfig& p) { p.restart.backoff_max = 1s; })));
}

TEST_CASE("listeners are compared by their place: added, removed, changed, kept") {
  const PoolChanges changes = after([](PoolConfig& p) {
    p.listen.front().backlog = 5;
    p.listen.push_back(address("unix:@x"));
  });
  REQUIRE(changes.listeners.changed.size() == 1);
  CHECK(changes.listeners.changed[0].address.backlog == 5);
  CHECK(changes.listeners.changed[0].address.text() == "127.0.0.1:80");
  CHECK(changes.listeners.changed[0].attributes == Keys{"backlog"});
  CHECK(changes.listeners.added == std::vector<ListenAddress>{address("unix:@x")});
  CHECK(changes.listeners.removed.empty());

  const PoolChanges moved = after([](PoolConfig& p) { p.listen = {address("127.0.0.1:81")}; });
  CHECK(moved.listeners.added == std::vector<ListenAddress>{address("127.0.0.1:81")});
  CHECK(moved.listeners.removed == std::vector<ListenAddress>{address("127.0.0.1:80")});
}

TEST_CASE("two listeners whose port the kernel chooses are two listeners") {
  PoolConfig two = pool();
  two.listen = {address(":0"), address(":0")};
  PoolConfig one = pool();
  one.listen = {address(":0")};
  CHECK_FALSE(compare(two, two).listeners.any());
  CHECK(compare(two, one).listeners.removed.size() == 1);
  CHECK(compare(one, two).listeners.added.size() == 1);
}

TEST_CASE("an equal listener is kept even if another listener at the same place stands before it") {
  PoolConfig before = pool();
  before.listen = {address(":0"), address(":0")};
  before.listen.front().backlog = 5;
  PoolConfig after_swap = pool();
  after_swap.listen = {before.listen.back(), before.listen.front()};
  CHECK_FALSE(compare(before, after_swap).listeners.any());
}

TEST_CASE("parking, which sets hold, too, is one change") {
  const PoolChanges changes = after([](PoolConfig& p) {
    p.keep_alive.park = true;
    p.hold = Hold::kDone;
  });
  CHECK(changes.policy == Keys{"keep_alive.park"});
}

TEST_CASE("another minimum is one change, although the number of spare workers follows it") {
  const auto from_to = [](ElasticConfig before, ElasticConfig now) {
    PoolConfig old_pool = pool();
    old_pool.elastic = before;
    PoolConfig new_pool = pool();
    new_pool.elastic = now;
    return compare(old_pool, new_pool).size;
  };
  CHECK(from_to({.min = 1, .spare = 1}, {.min = 0, .spare = 0}) == Keys{"workers.min"});
  CHECK(from_to({.min = 0, .spare = 0}, {.min = 2, .spare = 1}) == Keys{"workers.min"});
  CHECK(from_to({.min = 1, .spare = 1}, {.min = 0, .spare = 1}) == Keys{"workers.min"});
  CHECK(from_to({.min = 1, .spare = 1}, {.min = 0, .spare = 2}) == Keys{"workers.min", "workers.spare"});
  CHECK(from_to({.min = 1, .spare = 1}, {.min = 1, .spare = 0}) == Keys{"workers.spare"});
}

TEST_CASE("another group is one change, and another number of the user at the same time is a second") {
  PoolConfig before = pool();
  before.process.user = "shop";
  before.process.identity = Identity{1, 1, {1}};
  PoolConfig now = before;
  now.process.group = "web";
  now.process.identity = Identity{1, 2, {2}};
  CHECK(compare(before, now).workers_replaced == Keys{"group"});
  now.process.identity = Identity{3, 2, {2}};
  CHECK(compare(before, now).workers_replaced == Keys{"user", "group"});
}

TEST_CASE("a user whose account has changed is another user") {
  PoolConfig before;
  before.process.user = "shop";
  before.process.account = {"shop", "/home/shop", "/bin/sh"};
  PoolConfig now = before;
  now.process.account.home = "/srv/shop";
  CHECK(compare(before, now).workers_replaced == Keys{"user"});
}

TEST_CASE("a user whose numbers have changed is another user") {
  PoolConfig before = pool();
  before.process.user = "shop";
  before.process.identity = Identity{1, 1, {1}};
  PoolConfig now = before;
  now.process.identity = Identity{2, 1, {1}};
  CHECK(compare(before, now).workers_replaced == Keys{"user"});
}

TEST_SUITE_END();

}  // namespace
}  // namespace prefork
