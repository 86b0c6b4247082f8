// Waiting for rollouts, where the supervisor does not know how they end. tests/e2e has the rest.
#include "supervisor/commands/rollout_wait.h"

#include <doctest/doctest.h>

#include <string>

#include "tests/commands/answering_server.h"
#include "tests/support/test_directory.h"

using namespace prefork;
using prefork::test::AnsweringServer;
using prefork::test::TestDirectory;

TEST_CASE(
    "FAULTS 172: nothing is waited for, or begun, when the supervisor keeps no verdict of its rollouts") {
  const TestDirectory directory;
  const AnsweringServer server(
      directory.at("socket"),
      {R"({"result": {"seq": 0}})",
       R"({"result": {"pools": [{"name": "web", "generation": 4, "trial": null}]}})"});
  auto client = ControlClient::connect(directory.at("socket"), std::chrono::seconds(5));
  REQUIRE(client);
  CommandOutput output;
  const auto begun = RolloutWait(client.value(), directory.at("socket"), output).begin();
  REQUIRE_FALSE(begun);
  CHECK(begun.error().message() ==
        "pool web: the supervisor does not tell what becomes of its rollouts, as earlier versions; upgrade "
        "it, or "
        "leave out --wait");
}
