// A supervisor with one pool and an admin process: a program that does what a test says.
#pragma once

#include <sys/types.h>

#include <cstddef>
#include <nlohmann/json.hpp>
#include <string>

#include "tests/support/client.h"
#include "tests/support/supervisor_under_test.h"

namespace prefork::test {

inline constexpr const char* kAdmin = R"("admin": "127.0.0.1:0")";

inline SupervisorUnderTest::Options admin_options(std::size_t admin_listeners = 1) {
  SupervisorUnderTest::Options options;
  options.listeners = 1 + admin_listeners;
  options.environment = {"SUPERVISOR_ADMIN_PROGRAM=" SOURCE_ROOT "/tests/support/admin_stand_in.py"};
  return options;
}

inline PoolText pool_with(const std::string& keys = kAdmin) {
  PoolText pool;
  pool.more = keys;
  return pool;
}

/// A supervisor with one pool and an admin process.
struct WithAdmin : SupervisorUnderTest {
  explicit WithAdmin(const std::string& keys = kAdmin, std::size_t admin_listeners = 1)
      : SupervisorUnderTest(pool_with(keys).text(), admin_options(admin_listeners)) {}
  WithAdmin(const PoolText& pool, const Options& how) : SupervisorUnderTest(pool.text(), how) {}

  [[nodiscard]] std::string admin() { return address(1); }
  nlohmann::json hello() { return nlohmann::json::parse(ask(admin(), "hello\n")); }
  pid_t helper() { return hello()["pid"].get<pid_t>(); }
  /// The supervisor's answer to a request on the link.
  nlohmann::json asks(const std::string& method, const std::string& params = "{}") {
    return nlohmann::json::parse(ask(
        admin(), R"(ask {"jsonrpc":"2.0","id":1,"method":")" + method + R"(","params":)" + params + "}\n"));
  }
  bool serves() { return ask(address(), "hello") == "hello"; }
};

}  // namespace prefork::test
