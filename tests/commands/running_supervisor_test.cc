// What check asks the supervisor that runs with the file, when something else answers.
#include "supervisor/commands/running_supervisor.h"

#include <doctest/doctest.h>

#include <string>

#include "tests/commands/answering_server.h"
#include "tests/support/test_directory.h"

using namespace prefork;
using prefork::test::AnsweringServer;
using prefork::test::TestDirectory;

TEST_CASE("FAULTS 170: what answers at the control socket like no supervisor is not taken for one") {
  for (const char* answer : {"nothing", "[]", R"({"error": {"message": 5}})", R"({"result": 7})",
                             R"({"result": {"config_file": 1, "pools": []}})"}) {
    CAPTURE(answer);
    const TestDirectory directory;
    const std::string file = directory.write("pool.json", "{}");
    const AnsweringServer server(directory.at("socket"), {answer});
    CHECK_FALSE(running_supervisor(directory.at("socket"), file));
  }
}

TEST_CASE("the listeners of the supervisor that runs with the file are told") {
  const TestDirectory directory;
  const std::string file = directory.write("pool.json", "{}");
  const AnsweringServer server(
      directory.at("socket"),
      {R"({"result": {"config_file": ")" + file +
       R"(", "pools": [{"listeners": [{"address": "127.0.0.1:80"}, {"address": "unix:/a"}]}]}})"});
  const auto running = running_supervisor(directory.at("socket"), file);
  REQUIRE(running);
  CHECK(running->listeners == std::set<std::string>{"127.0.0.1:80", "unix:/a"});
  CHECK(running->pid == 0);
}
