// The key `protocol`, and which keys go together with which protocol.
#include <doctest/doctest.h>

#include "tests/config/parse.h"

namespace prefork {
namespace {

std::string refused_with(std::string_view members) { return mistake(pool_with(members)); }

TEST_SUITE_BEGIN("protocol");

TEST_CASE("the keys of a protocol reach the configuration") {
  const Config accept = parsed(
      pool_with(R"("protocol": "accept", "drain": "now", "drain_signal": "QUIT", "listen_fds": true)"));
  CHECK(accept.pools[0].protocol ==
        ProtocolConfig{Protocol::kAccept, DrainStart::kNow, DrainSignal::kQuit, true, {}});
  const Config classic = parsed(pool_with(R"("protocol": "classic", "idle_value": -2147483648)"));
  CHECK(classic.pools[0].protocol.name == Protocol::kClassic);
  CHECK(classic.pools[0].protocol.idle_value == INT32_MIN);
}

TEST_CASE("FAULTS 270: a key that belongs to another protocol is refused with the protocol that it needs") {
  for (const std::string key : {"drain", "drain_signal", "listen_fds"}) {
    const std::string value = key == "drain" ? R"("idle")" : key == "listen_fds" ? "false" : R"("TERM")";
    const std::string refusal = "pool.json: /" + key + ": " + value +
                                R"( is not allowed without "protocol": "accept"; add that, or remove this)";
    CHECK(refused_with("\"" + key + "\": " + value) == refusal);
    CHECK(refused_with(R"("protocol": "classic", ")" + key + "\": " + value) == refusal);
  }
  CHECK(
      refused_with(R"("protocol": "accept", "idle_value": 0)") ==
      R"(pool.json: /idle_value: 0 is not allowed without "protocol": "classic"; add that, or remove this)");
}

TEST_CASE("FAULTS 270: a server that knows nothing of the supervisor can neither be a template nor park") {
  CHECK(
      refused_with(R"("protocol": "accept", "start": "fork")") ==
      R"(pool.json: /start: "fork" is not allowed with "protocol": "accept": only a program with the worker )"
      "library can be a template; remove this");
  CHECK(refused_with(R"("protocol": "accept", "keep_alive": {"park": true})") ==
        R"(pool.json: /keep_alive/park: true is not allowed with "protocol": "accept": only a program that )"
        "knows the worker protocol can give back a connection between two requests; remove this");
  CHECK(
      mistakes(pool_with(R"("protocol": "accept", "keep_alive": {"park": false}, "start": "exec")")).empty());
}

TEST_SUITE_END();

}  // namespace
}  // namespace prefork
