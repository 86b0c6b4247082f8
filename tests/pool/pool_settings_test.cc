// What a pool's processes are started from.
#include "supervisor/pool/pool_settings.h"

#include <doctest/doctest.h>

#include <algorithm>
#include <string>
#include <vector>

namespace prefork {
namespace {

PoolConfig pool_of_user() {
  PoolConfig config;
  config.process.user = "web";
  config.process.identity = Identity{4711, 4712, {4712}};
  config.process.account = {"web", "/srv/web", "/bin/bash"};
  return config;
}

std::vector<std::string> entries_of(const PoolConfig& config, WorkerRole role, const std::string& name) {
  std::vector<std::string> found;
  for (const std::string& entry : to_launch(config, {}, role).environment) {
    if (entry.starts_with(name + '=')) found.push_back(entry);
  }
  return found;
}

using Entries = std::vector<std::string>;

TEST_CASE("FAULTS 74: workers and templates of a user have its HOME, USER, LOGNAME and SHELL") {
  for (const WorkerRole role : {WorkerRole::kWorker, WorkerRole::kTemplate}) {
    CHECK(entries_of(pool_of_user(), role, "HOME") == Entries{"HOME=/srv/web"});
    CHECK(entries_of(pool_of_user(), role, "USER") == Entries{"USER=web"});
    CHECK(entries_of(pool_of_user(), role, "LOGNAME") == Entries{"LOGNAME=web"});
    CHECK(entries_of(pool_of_user(), role, "SHELL") == Entries{"SHELL=/bin/bash"});
  }
}

TEST_CASE("FAULTS 74: `environment` decides where it names one of these variables") {
  PoolConfig config = pool_of_user();
  config.environment = {{"HOME", "/tmp"}, {"HOMEPAGE", "x"}};
  CHECK(entries_of(config, WorkerRole::kWorker, "HOME") == Entries{"HOME=/tmp"});
  CHECK(entries_of(config, WorkerRole::kWorker, "USER") == Entries{"USER=web"});
}

TEST_CASE("workers without a user keep the supervisor's own variables") {
  for (const char* name : {"HOME", "USER", "LOGNAME", "SHELL"})
    CHECK(entries_of(PoolConfig(), WorkerRole::kWorker, name).empty());
}

}  // namespace
}  // namespace prefork
