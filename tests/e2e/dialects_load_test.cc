// All dialects at the same time, each under load: kills, a reload, an upgrade in place, a stop, and the
// supervisor's death.
#include <doctest/doctest.h>

#include <algorithm>
#include <csignal>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "tests/e2e/dialects.h"
#include "tests/e2e/load.h"
#include "tests/support/client.h"
#include "tests/support/process_list.h"
#include "tests/support/supervisor_under_test.h"

using namespace prefork::test;

namespace {

bool all_of_generation(const PoolTable& pool, std::uint64_t generation) {
  return pool["generation"] == generation &&
         std::all_of(pool.workers.begin(), pool.workers.end(),
                     [generation](const WorkerText& one) { return one.generation == generation; });
}

/// A supervisor with all pools, and load for each.
class AllPools {
 public:
  AllPools(const std::vector<int>& rows, Setting setting)
      : dialects_(dialects_of(rows)),
        setting_(std::move(setting)),
        supervisor_(pools_of(dialects_, setting_), {.listeners = dialects_.size()}),
        scenes_(scenes_of(supervisor_, dialects_)) {
    for (const Scene& scene : scenes_) await_idle(scene);
  }

  [[nodiscard]] SupervisorUnderTest& supervisor() { return supervisor_; }
  [[nodiscard]] const std::vector<Scene>& scenes() const { return scenes_; }
  void await_idle(const Scene& scene) const {
    scene.wait_for_pool("all of " + scene.dialect().name + " are idle", [this](const PoolTable& now) {
      return now.count("idle") == setting_.workers && now.count("draining") == 0;
    });
  }

  void put_under_load() {
    for (const Scene& scene : scenes_)
      loads_.push_back(std::make_unique<Load>(scene.address(), "hello\n", 2));
    await_answers();
  }
  void await_answers(std::uint64_t count = 10) const {
    for (const auto& load : loads_) load->wait_for_answers(count);
  }
  /// Each request of each client was answered.
  void check_flawless() {
    for (std::size_t i = 0; i < loads_.size(); ++i) {
      const std::string& dialect = dialects_[i].name;
      CAPTURE(dialect);
      CHECK(loads_[i]->stop().flawless());
    }
    loads_.clear();
  }
  [[nodiscard]] std::vector<std::unique_ptr<Load>>& loads() { return loads_; }
  /// Every worker is replaced.
  void reload(const std::string& more) {
    Setting next = setting_;
    next.more += (next.more.empty() ? "" : ", ") + more;
    supervisor_.rewrite_config(pools_of(dialects_, next));
    supervisor_.signal(SIGHUP);
    for (const Scene& scene : scenes_) {
      scene.wait_for_pool("all of " + scene.dialect().name + " are replaced",
                          [](const PoolTable& now) { return all_of_generation(now, 2); });
    }
  }

 private:
  std::vector<Dialect> dialects_;
  Setting setting_;
  SupervisorUnderTest supervisor_;
  std::vector<Scene> scenes_;
  std::vector<std::unique_ptr<Load>> loads_;
};

/// Each of the connections that the workers have begun, one in each scene, is served to its end.
void check_finished(const AllPools& all, std::vector<Client>& begun) {
  for (std::size_t i = 0; i < begun.size(); ++i) {
    const std::string& dialect = all.scenes()[i].dialect().name;
    CAPTURE(dialect);
    begun[i].send("hello\n");
    CHECK(begun[i].receive().starts_with("OK "));
    begun[i].close();
  }
}

}  // namespace

TEST_CASE(
    "FAULTS 2, 3, 4 in each dialect: workers are killed under load; only what they had begun is lost, and "
    "counted") {
  AllPools all({2, 3, 4}, {.workers = 3});
  all.put_under_load();
  constexpr std::uint64_t kKills = 6;
  for (std::uint64_t i = 0; i < kKills; ++i) {
    for (const Scene& scene : all.scenes()) {
      const PoolTable now = scene.pool();
      const auto victim = std::find_if(now.workers.begin(), now.workers.end(), [](const WorkerText& worker) {
        return worker.pid > 0 && (worker.state == "idle" || worker.state == "busy");
      });
      if (victim != now.workers.end()) (void)::kill(victim->pid, SIGKILL);
    }
    all.await_answers(5);
  }
  for (std::size_t i = 0; i < all.scenes().size(); ++i) {
    const Scene& scene = all.scenes()[i];
    const std::string& dialect = scene.dialect().name;
    CAPTURE(dialect);
    const Load::Tally tally = all.loads()[i]->stop();
    CHECK(tally.hung == 0);
    CHECK(tally.refused == 0);
    all.await_idle(scene);
    const PoolTable now = scene.wait_for_pool("nothing is under way", [&](const PoolTable& pool) {
      return pool["served"] + pool["lost"] + pool["gave_up"] == tally.connected;
    });
    CHECK(tally.nothing <= now["lost"] + now["gave_up"]);  // an answer may have come without its end
    CHECK(now["lost"] + now["gave_up"] <= kKills);
    CHECK(now["violations"] == 0);
  }
}

TEST_CASE("FAULTS 40 in each dialect: a reload replaces all workers under load, and no client notices") {
  AllPools all({40}, {.workers = 2});
  all.put_under_load();
  all.reload(R"("limits": {"nofile": 300})");
  all.await_answers();
  all.check_flawless();
  for (const Scene& scene : all.scenes()) {
    const PoolTable now = scene.pool();
    CHECK(now["violations"] == 0);
    CHECK(now["lost"] == 0);
    CHECK(now["crashes"] == 0);
  }
}

TEST_CASE(
    "FAULTS 422: a reload changes the dialect of a pool under load, from each to the next, and no client "
    "notices") {
  const std::vector<Dialect> all = dialects_of({});
  const Setting setting{.workers = 2};
  SupervisorUnderTest supervisor(pool_of(all.back(), setting).text(), {});
  supervisor.wait_for_idle(2);
  Load load(supervisor.address(), "hello\n", 3);
  std::uint64_t generation = 1;
  for (const Dialect& next : all) {
    CAPTURE(next.name);
    load.wait_for_answers(20);
    supervisor.rewrite_config(pool_of(next, setting));
    supervisor.signal(SIGHUP);
    ++generation;
    supervisor.wait_for_pool("it serves", [generation](const PoolTable& now) {
      return now.count("draining") == 0 && all_of_generation(now, generation);
    });
  }
  load.wait_for_answers(20);
  CHECK(load.stop().flawless());
  CHECK(supervisor.pool()["violations"] == 0);
  CHECK(supervisor.pool()["lost"] == 0);
}

TEST_CASE("FAULTS 66 in each dialect: an upgrade in place under load, and with connections begun") {
  AllPools all({66}, {.workers = 2});
  std::vector<Client> begun;
  std::vector<pid_t> workers;
  for (const Scene& scene : all.scenes()) {
    begun.push_back(scene.begun());
    workers.push_back(scene.worker("busy"));
  }
  all.put_under_load();
  all.supervisor().upgrade();
  all.await_answers();
  all.check_flawless();
  for (std::size_t i = 0; i < begun.size(); ++i) {
    const std::string& dialect = all.scenes()[i].dialect().name;
    CAPTURE(dialect);
    CHECK(is_alive(workers[i]));
    begun[i].send("hello\n");
    CHECK(begun[i].receive().starts_with("OK "));
    const PoolTable now = all.scenes()[i].pool();
    CHECK(now["lost"] == 0);
    CHECK(now["crashes"] == 0);
  }
}

TEST_CASE(
    "FAULTS 46 in each dialect: a stop finishes the connections at hand, and all workers leave by "
    "themselves") {
  AllPools all({46}, {.workers = 2});
  std::vector<Client> begun;
  for (const Scene& scene : all.scenes()) begun.push_back(scene.begun());
  all.supervisor().signal(SIGTERM);
  all.supervisor().wait_for_log("stopping");
  check_finished(all, begun);
  CHECK(all.supervisor().await_exit() == 0);
  CHECK(all.supervisor().count_in_log("killed") == 0);
}

TEST_CASE(
    "FAULTS 43 in each dialect: when the supervisor is killed, idle workers leave and busy ones finish") {
  AllPools all({43}, {.workers = 2});
  std::vector<Client> begun;
  std::vector<pid_t> pids;
  for (const Scene& scene : all.scenes()) {
    begun.push_back(scene.begun());
    for (const pid_t pid : scene.pool().pids()) pids.push_back(pid);
  }
  CHECK(all.supervisor().stop(SIGKILL) == -SIGKILL);
  check_finished(all, begun);
  for (const pid_t pid : pids) eventually("it has left", [pid] { return !is_alive(pid); });
}
