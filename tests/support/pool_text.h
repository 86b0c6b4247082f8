// A configuration as the text of pool.json, for tests.
#pragma once

#include <string>
#include <utility>
#include <vector>

namespace prefork::test {

/// One pool. The defaults suit most tests.
struct PoolText {
  std::vector<std::string> command = {"supervisor-worker", "echo"};
  unsigned workers = 1;
  std::vector<std::string> listen = {"127.0.0.1:0"};
  /// Short, for tests that replace workers but do not test the probation.
  std::string probation = R"({"time": "1ms", "connections": 0})";
  bool control = true;  ///< with kWithControl
  std::string more =
      {};  ///< further keys, as JSON without the braces: `"hold": "done", "log": {"level": "debug"}`

  [[nodiscard]] std::string text() const;
};

/// A file with several pools, under their names, and with kWithControl. Each pool listens at the addresses of
/// its PoolText. `more`: further keys of the file, as in PoolText.
[[nodiscard]] std::string pools_text(const std::vector<std::pair<std::string, PoolText>>& pools,
                                     const std::string& more = {});

/// The key that gives a file a control socket in the test's own directory: see
/// SupervisorUnderTest::control().
inline constexpr const char* kWithControl = R"("control": "TEST_DIRECTORY/control.sock")";

/// A pool of a server that listens for itself: `program`, with `how` as its argument unless that is empty.
/// `protocol`: accept or accept-notify.
[[nodiscard]] PoolText server_pool(const std::string& program, const std::string& protocol,
                                   const std::string& how, unsigned workers, const std::string& more);

/// A scripted worker's command.
[[nodiscard]] std::vector<std::string> scripted(std::vector<std::string> steps);

}  // namespace prefork::test
