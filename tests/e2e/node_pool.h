// Pools of Node programs.
#pragma once

#include <cstdint>
#include <string>

#include "tests/support/supervisor_under_test.h"
#include "tests/support/test_directory.h"

namespace prefork::test {

inline const std::string kNodeProgram = "/usr/bin/node";

/// Says that the test is skipped, if it is.
[[nodiscard]] bool without_node();

/// A pool of deeds.js. The first worker does `deed`; later ones serve.
[[nodiscard]] PoolText node_pool(const std::string& deed, unsigned workers = 1, const std::string& more = "");

/// A pool of one program, whose text is given. It finds its address in PORT, HOST or SUPERVISOR_LISTEN.
class NodeText {
 public:
  explicit NodeText(const std::string& text, const std::string& name = "server.js")
      : path_(directory_.at(name)) {
    directory_.write(name, text);
  }
  [[nodiscard]] PoolText pool(unsigned workers = 1, const std::string& more = "") const {
    PoolText pool = node_pool("", workers, more);
    pool.command = {kNodeProgram, path_};
    return pool;
  }

 private:
  TestDirectory directory_;
  std::string path_;
};

PoolTable wait_for_node_served(SupervisorUnderTest& supervisor, std::uint64_t count);

}  // namespace prefork::test
