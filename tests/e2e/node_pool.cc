#include "tests/e2e/node_pool.h"

#include <doctest/doctest.h>
#include <unistd.h>

namespace prefork::test {

bool without_node() {
  if (::access(kNodeProgram.c_str(), X_OK) == 0) return false;
  MESSAGE("skipped: ", kNodeProgram, " is not installed");
  return true;
}

PoolText node_pool(const std::string& deed, unsigned workers, const std::string& more) {
  PoolText pool;
  pool.command = {kNodeProgram, std::string(SOURCE_ROOT) + "/tests/node/programs/deeds.js"};
  if (!deed.empty()) pool.command.push_back(deed);
  pool.workers = workers;
  pool.more = R"("protocol": "node", "restart": {"backoff_min": "10ms"})" + more;
  return pool;
}

PoolTable wait_for_node_served(SupervisorUnderTest& supervisor, std::uint64_t count) {
  return supervisor.wait_for_pool(std::to_string(count) + " are served",
                                  [count](const PoolTable& pool) { return pool["served"] == count; });
}

}  // namespace prefork::test
