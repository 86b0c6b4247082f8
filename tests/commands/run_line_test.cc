// The configuration that the options of `supervisor run` stand for.
#include "supervisor/commands/run_line.h"

#include <doctest/doctest.h>
#include <sys/stat.h>

#include <nlohmann/json.hpp>
#include <string>
#include <utility>

#include "tests/config/elf_text.h"
#include "tests/support/test_directory.h"

using namespace prefork;
using prefork::test::TestDirectory;

TEST_CASE("the options of run are keys of a pool; what is not given is left out") {
  RunLine line;
  line.listen = {":8080"};
  line.command = {"node", "server.js", "--workers"};
  line.keys = {{"workers", "4"}, {"log.level", "debug"}, {"log.format", "json"}, {"user", ""}};
  line.environment = {"MODE=a=b", "EMPTY="};
  const auto file = nlohmann::json::parse(configuration_of(line, {}));
  CHECK(file == nlohmann::json::parse(R"({
    "listen": ":8080", "command": ["node", "server.js", "--workers"], "protocol": "node", "workers": 4,
    "log": {"level": "debug", "format": "json"}, "environment": {"MODE": "a=b", "EMPTY": ""}})"));
}

TEST_CASE("an object on the command line is an object of the file; half of one is text, which is refused") {
  RunLine line;
  line.listen = {":1"};
  line.command = {"x"};
  line.keys["workers"] = R"({"min": 2, "max": 16})";
  CHECK(nlohmann::json::parse(configuration_of(line, {}))["workers"]["max"] == 16);
  line.keys["workers"] = R"({"min": 2)";
  CHECK(nlohmann::json::parse(configuration_of(line, {}))["workers"] == R"({"min": 2)");
}

TEST_CASE("run has a dashboard where --admin says") {
  RunLine line;
  line.listen = {":1"};
  line.command = {"node", "x.js"};
  line.keys = {{"admin", "127.0.0.1:9465"}};
  CHECK(nlohmann::json::parse(configuration_of(line, {}))["admin"] == "127.0.0.1:9465");
  CHECK(place_on_command_line("/admin") == "--admin");
}

TEST_CASE("run can wait for data and park") {
  RunLine line;
  line.listen = {":1"};
  line.command = {"node", "x.js"};
  line.keys = {{"wait_for_data", "true"}, {"keep_alive.park", "true"}};
  const auto file = nlohmann::json::parse(configuration_of(line, {}));
  CHECK(file["wait_for_data"] == true);
  CHECK(file["keep_alive"] == nlohmann::json{{"park", true}});
  CHECK(place_on_command_line("/keep_alive/park") == "--keep-alive-park");
}

TEST_CASE("run chooses the protocol by the program, unless it is given") {
  RunLine line;
  line.listen = {":1", "unix:/run/a"};
  line.command = {"/opt/supervisor-worker", "http"};
  CHECK(nlohmann::json::parse(configuration_of(line, {}))["protocol"] == "native");
  CHECK(nlohmann::json::parse(configuration_of(line, {}))["listen"].size() == 2);
  line.command = {"/usr/bin/python3", "-m", "prefork_worker.wsgi", "app:app"};
  CHECK(nlohmann::json::parse(configuration_of(line, {}))["protocol"] == "native");
  line.command = {"/usr/bin/python3", "-m", "http.server"};
  CHECK(nlohmann::json::parse(configuration_of(line, {}))["protocol"] == "accept");
  for (const char* node : {"node", "/usr/bin/nodejs"}) {
    line.command = {node, "server.js"};
    CHECK(nlohmann::json::parse(configuration_of(line, {}))["protocol"] == "node");
  }
  for (const char* other : {"npm", "/opt/node/bin/npx", "nodemon", "node/server"}) {
    line.command = {other, "start"};
    CHECK(nlohmann::json::parse(configuration_of(line, {}))["protocol"] == "accept");
  }
  line.keys["protocol"] = "classic";
  CHECK(nlohmann::json::parse(configuration_of(line, {}))["protocol"] == "classic");
}

TEST_CASE(
    "run chooses the protocol by the file of the program: one without a dynamic loader is served by a "
    "notifier") {
  RunLine line;
  line.listen = {":1"};
  const TestDirectory directory;
  line.command = {directory.write("static", elf_text(""))};
  REQUIRE(::chmod(line.command.front().c_str(), 0755) == 0);
  CHECK(nlohmann::json::parse(configuration_of(line, {}))["protocol"] == "accept-notify");
  line.command = {"/bin/sh"};
  CHECK(nlohmann::json::parse(configuration_of(line, {}))["protocol"] == "accept");
}

TEST_CASE("the command line names the control socket, or switches it off") {
  RunLine line;
  line.listen = {":1"};
  line.command = {"x"};
  CHECK_FALSE(nlohmann::json::parse(configuration_of(line, {})).contains("control"));
  line.keys["control"] = "/run/mine";
  CHECK(nlohmann::json::parse(configuration_of(line, {}))["control"] == "/run/mine");
  line.keys["control"] = "false";
  CHECK(nlohmann::json::parse(configuration_of(line, {}))["control"] == false);
}

TEST_CASE("FAULTS 281: each text of run that is not UTF-8 is found") {
  RunLine line;
  line.listen = {":1"};
  line.command = {"server", "gr\xc3\xbc\xc3\x9f"};
  line.environment = {"A=\xe2\x82\xac"};
  line.keys = {{"name", "web"}};
  CHECK_FALSE(not_utf8(line));
  const auto found_in = [&](std::string& place) {
    const std::string before = std::exchange(place, "\xfe");
    const bool found = not_utf8(line) == "\xfe";
    place = before;
    return found;
  };
  CHECK(found_in(line.listen[0]));
  CHECK(found_in(line.command[1]));
  CHECK(found_in(line.environment[0]));
  CHECK(found_in(line.keys["name"]));
}

TEST_CASE("names and paths of run are texts, also when they look like numbers") {
  RunLine line;
  line.listen = {":1"};
  line.command = {"x"};
  line.keys = {{"name", "7"}, {"directory", "8"}, {"log.file", "true"}, {"control", "9"}, {"user", "10"}};
  const auto file = nlohmann::json::parse(configuration_of(line, {}));
  CHECK(file["name"] == "7");
  CHECK(file["directory"] == "8");
  CHECK(file["log"]["file"] == "true");
  CHECK(file["control"] == "9");
  CHECK(file["user"] == 10);
}

TEST_CASE("a mistake is at the option that gave it") {
  CHECK(place_on_command_line("/workers") == "--workers");
  CHECK(place_on_command_line("/connections_per_worker") == "--connections-per-worker");
  CHECK(place_on_command_line("/log/level") == "--log-level");
  CHECK(place_on_command_line("/listen/1") == "--listen");
  CHECK(place_on_command_line("/environment/A") == "--environment");
  CHECK(place_on_command_line("/command/0") == "the program");
  CHECK(place_on_command_line("").empty());
}
