// A configuration as the text of pool.json, for tests.
#pragma once

#include <string>
#include <utility>
#include <vector>

namespace prefork::test {

/// One pool. What a test does not name has a value that suits most tests.
struct PoolText {
  std::vector<std::string> command = {"supervisor-worker", "echo"};
  unsigned workers = 1;
  std::vector<std::string> listen = {"127.0.0.1:0"};
  std::string more =
      {};  ///< further keys, as JSON without the braces: `"hold": "done", "log": {"level": "debug"}`

  [[nodiscard]] std::string text() const;
};

/// A file with several pools, under their names; each has the address that its PoolText says.
[[nodiscard]] std::string pools_text(const std::vector<std::pair<std::string, PoolText>>& pools);

/// A scripted worker's command.
[[nodiscard]] std::vector<std::string> scripted(std::vector<std::string> steps);

}  // namespace prefork::test
