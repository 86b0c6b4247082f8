// The environment of programs that are put behind the supervisor by a preloaded library.
#include "supervisor/pool/accept_environment.h"

#include <doctest/doctest.h>

#include <algorithm>
#include <cstdlib>
#include <string>
#include <vector>

#include "supervisor/pool/pool_settings.h"
#include "supervisor/system/accept_library.h"
#include "tests/pool/launch_variable.h"

namespace prefork {
namespace {

const std::vector<ListenTarget> kOneTcp = {{3, {"127.0.0.1:8080", "127.0.0.1", 8080}},
                                           {5, {"unix:@x%2C", "", 0}}};

PoolConfig server() {
  PoolConfig config;
  config.protocol.name = Protocol::kAccept;
  return config;
}

std::string value_of(const std::string& name, const PoolConfig& config,
                     const std::vector<ListenTarget>& targets = kOneTcp) {
  return test::launch_variable(name, to_launch(config, targets, WorkerRole::kWorker));
}

TEST_CASE("the library is told where the pool listens, and how the program ends") {
  PoolConfig config = server();
  CHECK(value_of("SUPERVISOR_LISTEN", config) == "3=127.0.0.1:8080,5=unix:@x%2C");
  CHECK(value_of("SUPERVISOR_DRAIN", config) == "idle");
  CHECK(value_of("SUPERVISOR_DRAIN_SIGNAL", config) == "15");
  CHECK(value_of("SUPERVISOR_LISTEN_FDS", config) == "-");
  config.protocol.drain = DrainStart::kNow;
  config.protocol.drain_signal = DrainSignal::kWindow;
  config.protocol.listen_fds = true;
  CHECK(value_of("SUPERVISOR_DRAIN", config) == "now");
  CHECK(value_of("SUPERVISOR_DRAIN_SIGNAL", config) == std::to_string(SIGWINCH));
  CHECK(value_of("SUPERVISOR_LISTEN_FDS", config) == "1");
  CHECK(value_of("LISTEN_PID", config) == "0");  // the library sets them
  CHECK(value_of("LISTEN_FDS", config) == "0");
  CHECK(accept_addresses(to_launch(config, kOneTcp, WorkerRole::kWorker)) == "127.0.0.1:8080, unix:@x%2C");
}

TEST_CASE("a program with a notifier is told the same, and gets no library") {
  PoolConfig config = server();
  CHECK_FALSE(to_launch(config, kOneTcp, WorkerRole::kWorker).notified);
  config.protocol.name = Protocol::kAcceptNotify;
  CHECK(to_launch(config, kOneTcp, WorkerRole::kWorker).notified);
  CHECK(value_of("SUPERVISOR_LISTEN", config) == "3=127.0.0.1:8080,5=unix:@x%2C");
  CHECK(value_of("PORT", config) == "8080");
  CHECK(value_of("LD_PRELOAD", config) == "-");
}

TEST_CASE("a program of another protocol gets none of it") {
  for (const std::string name : {"SUPERVISOR_LISTEN", "SUPERVISOR_DRAIN", "LD_PRELOAD", "PORT", "HOST"})
    CHECK(value_of(name, PoolConfig()) == "-");
  CHECK(accept_addresses(to_launch(PoolConfig(), kOneTcp, WorkerRole::kWorker)).empty());
}

TEST_CASE("FAULTS 276: what the operator preloads stays, behind the library") {
  const std::string library = accept_library_directory() + "/libprefork-accept.so";
  PoolConfig config = server();
  ::unsetenv("LD_PRELOAD");
  CHECK(value_of("LD_PRELOAD", config) == library);
  ::setenv("LD_PRELOAD", "/inherited.so", 1);
  CHECK(value_of("LD_PRELOAD", config) == library + ":/inherited.so");
  config.environment["LD_PRELOAD"] = "/a.so /b.so";
  CHECK(value_of("LD_PRELOAD", config) == library + ":/a.so /b.so");
  config.environment["LD_PRELOAD"] = "";
  CHECK(value_of("LD_PRELOAD", config) == library);
  ::unsetenv("LD_PRELOAD");
  config.protocol.musl = true;
  CHECK(value_of("LD_PRELOAD", config) == accept_library_directory() + "/libprefork-accept-musl.so");
}

TEST_CASE("PORT and HOST are set when there is one TCP address, and the operator has not set them") {
  PoolConfig config = server();
  CHECK(value_of("PORT", config) == "8080");
  CHECK(value_of("HOST", config) == "127.0.0.1");
  CHECK(value_of("PORT", config, {kOneTcp[0], kOneTcp[0]}) == "-");
  CHECK(value_of("PORT", config, {kOneTcp[1]}) == "-");
  config.environment = {{"PORT", "1"}};
  CHECK(value_of("PORT", config) == "1");
  CHECK(value_of("HOST", config) == "127.0.0.1");
}

}  // namespace
}  // namespace prefork
