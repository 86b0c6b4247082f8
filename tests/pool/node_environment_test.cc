// The environment of Node programs.
#include "supervisor/pool/node_environment.h"

#include <doctest/doctest.h>
#include <unistd.h>

#include <cstdlib>
#include <string>
#include <vector>

#include "config/node_check.h"
#include "supervisor/pool/pool_settings.h"
#include "supervisor/system/accept_library.h"
#include "tests/pool/launch_variable.h"

namespace prefork {
namespace {

using test::launch_variable;

const std::vector<ListenTarget> kAddresses = {{3, {"127.0.0.1:8080", "127.0.0.1", 8080}}};

PoolConfig node_pool() {
  PoolConfig config;
  config.protocol.name = Protocol::kNode;
  config.connections_per_worker = 5;
  return config;
}

std::string own_module() { return node_module_of(accept_library_directory()); }

TEST_CASE("a Node program is told that it is a worker of a cluster, and what it listens at") {
  ::unsetenv("NODE_OPTIONS");
  const Launch launch = to_launch(node_pool(), kAddresses, WorkerRole::kWorker);
  CHECK(launch.wire == Wire::kNode);
  CHECK(launch_variable("NODE_CHANNEL_FD", launch) == "3");
  CHECK(launch_variable("NODE_CHANNEL_SERIALIZATION_MODE", launch) == "json");
  CHECK(launch_variable("NODE_OPTIONS", launch) == "--require " + own_module());
  CHECK(launch_variable("SUPERVISOR_SLOTS", launch) == "5");
  CHECK(launch_variable("SUPERVISOR_LISTEN", launch) == "3=127.0.0.1:8080");
  CHECK(launch_variable("PORT", launch) == "8080");
  CHECK(launch_variable("SUPERVISOR_CHANNEL", launch) == "-");  // it does not speak the worker protocol
  CHECK(::access(own_module().c_str(), R_OK) == 0);
}

TEST_CASE("each Node worker has a number of its own, and one that is used again") {
  Launch launch = to_launch(node_pool(), kAddresses, WorkerRole::kWorker);
  const Launch worker = as_node_worker(launch, WorkerId::make(70, 2));
  CHECK(launch_variable("NODE_UNIQUE_ID", worker) == "70");
  CHECK(launch_variable("NODE_APP_INSTANCE", worker) == "2");
  PoolConfig config = node_pool();
  config.environment["NODE_APP_INSTANCE"] = "mine";
  launch = to_launch(config, kAddresses, WorkerRole::kWorker);
  CHECK(launch_variable("NODE_APP_INSTANCE", as_node_worker(launch, WorkerId::make(70, 2))) == "mine");
}

TEST_CASE("the options that the operator gives to Node stay, behind the module") {
  PoolConfig config = node_pool();
  REQUIRE(::setenv("NODE_OPTIONS", "--inherited", 1) == 0);
  const auto options = [&] {
    return launch_variable("NODE_OPTIONS", to_launch(config, kAddresses, WorkerRole::kWorker));
  };
  CHECK(options() == "--require " + own_module() + " --inherited");
  config.environment["NODE_OPTIONS"] = "--max-old-space-size=256";
  CHECK(options() == "--require " + own_module() + " --max-old-space-size=256");
  ::unsetenv("NODE_OPTIONS");
}

TEST_CASE("FAULTS 367: after an upgrade in place Node workers load the module of the new program") {
  Launch launch = to_launch(node_pool(), kAddresses, WorkerRole::kWorker);
  for (const std::string old : {"/old/preload.cjs", R"("/old \"place\\/preload.cjs")"}) {
    for (std::string& entry : launch.environment) {
      if (entry.starts_with("NODE_OPTIONS=")) entry = "NODE_OPTIONS=--require " + old + " --other";
    }
    use_own_node_module(launch);
    CHECK(launch_variable("NODE_OPTIONS", launch) == "--require " + own_module() + " --other");
  }
  launch.wire = Wire::kNative;
  launch.environment = {"NODE_OPTIONS=--require /mine.js"};
  use_own_node_module(launch);
  CHECK(launch_variable("NODE_OPTIONS", launch) == "--require /mine.js");
}

}  // namespace
}  // namespace prefork
