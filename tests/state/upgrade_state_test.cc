// What is carried over by an upgrade: each member is listed and comes back, and each descriptor is found.
#include "supervisor/state/upgrade_state.h"

#include <doctest/doctest.h>

#include <ctime>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "supervisor/core/snapshot_writer.h"
#include "supervisor/state/state_file.h"
#include "tests/core/members.h"
#include "tests/state/large_state.h"
#include "tests/support/sanitized.h"

namespace prefork {
namespace {

template <typename T>
void check_listed(const char* name) {
  INFO(name);
  CHECK(listed_of<T>() == members_of<T>());
}

SupervisorState sample() {
  SupervisorState state;
  state.version = "9.9.9";
  state.pid = 4711;
  state.config_lock = Carried{3};
  state.log_file = Carried{12};
  state.log_waiting = std::string("any bytes: \xff\x00", 13);
  state.spawner.active.socket = Carried{4};
  state.spawner.waiting.push_back({});
  state.spawner.waiting.back().channel = Carried{5};
  state.control.socket = Carried{6};
  state.reload = LastReload{.count = 2, .mistakes = {"a", "b"}};
  state.reloads = {3, 2};
  state.upgrades = {1, 4};
  PoolState pool;
  pool.name = "web";
  pool.core = to_snapshot(2.5);
  WorkerProcessState worker;
  worker.id = WorkerId::make(7, 0);
  worker.channel = Carried{8};
  worker.pending_signal = action::SignalWorker::Signal::kKill;
  worker.dialect = {Wire::kClassic, -7, Ticket::make(1, 0), 3, -2, true, true, {}, true};
  pool.workers.push_back(worker);
  pool.sockets.push_back({Ticket::make(1, 0), Carried{9}, true, /*watched=*/true, 1ULL << 40, 7});
  pool.sockets.push_back({Ticket::make(2, 1), Carried::kNone, true});
  state.running.pools.push_back(pool);
  state.running.answers =
      MachineAnswers{Identity{1, 2, {3}}, {{"web", "/bin/true", {}, 4, {}, {}, {{{"::1"}, 5, 6}}}}};
  state.leaving.push_back({"{}", {}, {pool}});
  state.leaving[0].pools[0].workers[0].channel = Carried{10};
  state.leaving[0].pools[0].sockets[0].socket = Carried{11};
  return state;
}

TEST_CASE("each member of the state is listed") {
  check_listed<OutputState>("OutputState");
  check_listed<WorkerProcessState>("WorkerProcessState");
  check_listed<DialectState>("DialectState");
  check_listed<ForkState>("ForkState");
  check_listed<SocketState>("SocketState");
  check_listed<LingeringCloseState>("LingeringCloseState");
  check_listed<ListenerState>("ListenerState");
  check_listed<LaunchState>("LaunchState");
  check_listed<PoolState>("PoolState");
  check_listed<RolloutVerdict>("RolloutVerdict");
  check_listed<LastReload>("LastReload");
  check_listed<ReloadCounts>("ReloadCounts");
  check_listed<UpgradeCounts>("UpgradeCounts");
  check_listed<RequestState>("RequestState");
  check_listed<SpawnerProcessState>("SpawnerProcessState");
  check_listed<SpawnerState>("SpawnerState");
  check_listed<ControlState>("ControlState");
  check_listed<AdminState>("AdminState");
  check_listed<AdminAnswers>("AdminAnswers");
  check_listed<ActivatedState>("ActivatedState");
  check_listed<ListenAnswers>("ListenAnswers");
  check_listed<PoolAnswers>("PoolAnswers");
  check_listed<PoolsState>("PoolsState");
  check_listed<SupervisorState>("SupervisorState");
  check_listed<PoolAnswers>("PoolAnswers");
  check_listed<PinnedProgram>("PinnedProgram");
}

TEST_CASE("a state comes back from its bytes as it was") {
  const SupervisorState state = sample();
  auto copy = decode_state(encode_state(state));
  REQUIRE(copy.ok());
  CHECK(to_snapshot(copy.value()) == to_snapshot(state));
}

TEST_CASE("every descriptor of a state is found, wherever it stands") {
  CHECK(descriptors_in(sample()) == std::vector<int>{3, 12, 4, 5, 6, 8, 9, 10, 11});
}

TEST_CASE("the bytes are what another CBOR library reads and writes") {
  using Json = nlohmann::ordered_json;
  const std::string bytes = encode_state(sample());
  const Json read = Json::from_cbor(bytes);
  CHECK(read["running"]["pools"][1][0] == "web");
  std::string written;
  Json::to_cbor(read, written);
  auto copy = decode_state(written);
  REQUIRE_MESSAGE(copy.ok(), copy.error().message());
  CHECK(Json::from_cbor(encode_state(copy.value())) == read);
}

TEST_CASE("FAULTS 96: the state of 100,000 connections is written and read in a moment") {
  constexpr std::size_t kConnections = 100'000;
  const test::LargePool pool(kConnections);
  const std::clock_t begin = std::clock();  // other processes do not count
  auto file = seal_state(encode_state(pool.state()));
  REQUIRE(file.ok());
  auto bytes = read_state(file.value());
  REQUIRE(bytes.ok());
  auto state = decode_state(bytes.value().bytes());
  REQUIRE(state.ok());
  CHECK(pool.restore(state.value()) == "");
  CHECK(state.value().running.pools.front().sockets.size() == kConnections);
  const double took = static_cast<double>(std::clock() - begin) / CLOCKS_PER_SEC;
  MESSAGE(took, " s, ", bytes.value().bytes().size(), " bytes");
  CHECK(bytes.value().bytes().size() < kConnections * 160);
  // script/bench measures it; here the compiler optimizes less.
  CHECK(took < (test::kSanitized ? 60 : 3));
}

TEST_CASE("FAULTS 65: bytes that are no state are refused") {
  const std::string bytes = encode_state(sample());
  for (std::size_t size = 0; size < bytes.size(); ++size)
    CHECK_FALSE(decode_state(bytes.substr(0, size)).ok());
  CHECK(decode_state("\x80").error().message() == "the state is not understood: : an object is expected");
}

}  // namespace
}  // namespace prefork
