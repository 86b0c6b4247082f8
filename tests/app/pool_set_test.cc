// The pools that are present and those that are leaving: found, ordered, removed, stopped.
#include "supervisor/app/pool_set.h"

#include <doctest/doctest.h>

#include <string>
#include <vector>

#include "config/listen_address.h"
#include "supervisor/core/snapshot_writer.h"
#include "tests/app/parts.h"
#include "tests/proto/channel_pair.h"

namespace prefork {
namespace {

using namespace test;

class Set : public Parts {
 public:
  PoolRunner& add(const std::string& name, std::vector<ListenSocket> sockets = {}) {
    PoolConfig config = empty_pool(name);
    for (const ListenSocket& socket : sockets) config.listen.push_back(socket.address());
    return pools.add(config, kStopTimeout, std::move(sockets));
  }
  [[nodiscard]] std::vector<std::string> present() const { return names_of(pools.present()); }
  [[nodiscard]] std::vector<std::string> leaving() const { return names_of(pools.leaving()); }

 private:
  static constexpr Milliseconds kStopTimeout{1000};

  [[nodiscard]] static std::vector<std::string> names_of(const PoolSet::Pools& pools) {
    std::vector<std::string> names;
    for (const auto& pool : pools) names.push_back(pool->config().name);
    return names;
  }
};

using Names = std::vector<std::string>;

TEST_CASE("a present pool is found by its name") {
  Set set;
  PoolRunner& web = set.add("web");
  set.add("api");
  CHECK(set.pools.find("web") == &web);
  CHECK(set.pools.find("other") == nullptr);
}

TEST_CASE("a request for one pool or for all of them gets these, and an unknown name the names there are") {
  Set set;
  PoolRunner& web = set.add("web");
  PoolRunner& api = set.add("api");
  CHECK(set.pools.named("api").value() == std::vector<PoolRunner*>{&api});
  CHECK(set.pools.named(std::nullopt).value() == std::vector<PoolRunner*>{&web, &api});
  CHECK(set.pools.named("wob").error().message() == "there is no pool \"wob\"; there are web, api");
}

TEST_CASE("the present pools take the order of the configuration") {
  Set set;
  for (const char* name : {"c", "a", "b"}) set.add(name);
  set.pools.order_as({empty_pool("a"), empty_pool("b"), empty_pool("c")});
  CHECK(set.present() == Names{"a", "b", "c"});
}

TEST_CASE("a removed pool is leaving, keeps the text that had it, and is gone when it has stopped") {
  Set set;
  PoolRunner& web = set.add("web");
  set.add("api");
  set.pools.remove(web, "the text");
  CHECK(set.present() == Names{"api"});
  CHECK(set.leaving() == Names{"web"});
  CHECK(web.removed_from() == "the text");
  CHECK(set.pools.find("web") == nullptr);
  set.pools.collect_finished();
  CHECK(set.leaving().empty());
  CHECK(set.present() == Names{"api"});
  CHECK(set.pools.stopped_cleanly());
}

TEST_CASE("stopping reaches present and leaving pools, and no pool can be asked for anything from then on") {
  Set set;
  set.add("web");
  set.pools.remove(set.add("old"), "the text");
  CHECK_FALSE(set.pools.stopping());
  set.pools.stop(/*quick=*/false);
  CHECK(set.pools.stopping());
  CHECK(set.pools.named("web").error().message() == "the supervisor is stopping");
  set.pools.collect_finished();
  CHECK(set.present().empty());
  CHECK(set.leaving().empty());
}

TEST_CASE("the state names the present pools under the text in force, and each leaving pool under its own") {
  Set set;
  set.add("web");
  set.pools.remove(set.add("old"), "older text");
  SupervisorState state;
  set.pools.write_state(state);
  REQUIRE(state.running.pools.size() == 1);
  CHECK(state.running.pools[0].name == "web");
  REQUIRE(state.leaving.size() == 1);
  CHECK(state.leaving[0].config_text == "older text");
  CHECK(state.leaving[0].pools.at(0).name == "old");
}

TEST_CASE("a set goes on with the pools of a state") {
  Set before;
  before.add("web");
  before.pools.remove(before.add("old"), "older text");
  SupervisorState state;
  before.pools.write_state(state);

  AdoptedConfigs configs;
  configs.running.pools = {empty_pool("web")};
  configs.leaving.emplace_back().pools = {empty_pool("old")};
  Set after;
  after.pools.adopt(state, configs);
  CHECK(after.present() == Names{"web"});
  CHECK(after.leaving() == Names{"old"});
  CHECK(after.pools.leaving().front()->removed_from() == "older text");
}

TEST_CASE("FAULTS 95: a pool whose state does not fit starts anew, with its listener and without the rest") {
  const ListenAddress address = parse_listen_address("127.0.0.1:0").value();
  auto opened = ListenSocket::open(address);
  REQUIRE(opened.ok());
  const std::string name = opened.value().name();
  ChannelPair of_web;
  ChannelPair of_old;
  SupervisorState state;
  PoolState& pool = state.running.pools.emplace_back();
  pool.name = "web";
  pool.core = to_snapshot(std::vector<int>{1});
  pool.listeners.push_back({Carried{::dup(opened.value().descriptor())}});
  pool.workers.emplace_back().channel = Carried{of_web.supervisor.release().release()};
  PoolState& old = state.leaving.emplace_back().pools.emplace_back();
  old.name = "old";
  old.core = pool.core;
  old.workers.emplace_back().channel = Carried{of_old.supervisor.release().release()};
  AdoptedConfigs configs;
  configs.running.pools = {empty_pool("web")};
  configs.running.pools.front().listen = {address};
  configs.leaving.emplace_back().pools = {empty_pool("old")};
  Set after;
  after.pools.adopt(state, configs);
  CHECK(after.present() == Names{"web"});
  CHECK(after.leaving().empty());
  const auto& listeners = after.pools.find("web")->listeners().configured();
  REQUIRE(listeners.size() == 1);
  CHECK(listeners.front()->socket().name() == name);
  CHECK(Received(of_web.worker).status == ReceiveStatus::kEnd);
  CHECK(Received(of_old.worker).status == ReceiveStatus::kEnd);
}

}  // namespace
}  // namespace prefork
