// What the reader of a configuration asks the machine, and what it need not ask because it is in force.
#include "config/machine.h"

#include <doctest/doctest.h>

#include <string>
#include <variant>
#include <vector>

#include "config/listen_address.h"
#include "config/load.h"
#include "tests/config/parse.h"
#include "tests/config/temp_directory.h"

namespace prefork {
namespace {

using Lines = std::vector<std::string>;

/// Nothing on this machine has these names.
constexpr const char* kUser = "no-such-user";
constexpr const char* kHost = "-no-such-host";

Config in_force() {
  Config config;
  config.supervisor_user = kUser;
  config.supervisor_identity = Identity{70001, 70001, {}};
  PoolConfig& pool = config.pools.emplace_back();
  pool.name = "main";
  pool.process.user = kUser;
  pool.process.identity = Identity{70002, 70002, {70002}};
  pool.listen.push_back(parse_listen_address(std::string(kHost) + ":4711").value());
  pool.listen.back().answers.hosts = {"127.0.0.1"};
  pool.listen.push_back(parse_listen_address("unix:/run/x.sock").value());
  pool.listen.back().owner = kUser;
  pool.listen.back().answers.owner = 70003;
  return config;
}

struct Reader {
  /// Reads a pool with these keys.
  std::variant<Config, ConfigProblems> read(const std::string& keys) {
    const std::string file = directory.file("pool.json", R"({"command": ["true"], )" + keys + "}");
    machine.speak_before_asking([this](const std::string& pointer, const std::string& question) {
      asked.push_back(pointer + " " + question);
    });
    return load_config(file, machine);
  }
  std::size_t mistakes(const std::string& keys) {
    const auto read_now = read(keys);
    const auto* problems = std::get_if<ConfigProblems>(&read_now);
    return problems == nullptr ? 0 : problems->size();
  }
  TempDirectory directory;
  Machine machine{system_programs()};
  Lines asked;
};

TEST_CASE("each question is told before it is asked") {
  Reader reader;
  (void)reader.read(R"("directory": "/", "user": "no-such-user", "group": "no-such-group",
                      "supervisor_user": "no-such-user", "listen": "-no-such-host:1")");
  CHECK(reader.asked == Lines{" the file itself", R"(/supervisor_user the user "no-such-user")",
                              R"(/listen the host "-no-such-host")", R"(/user the user "no-such-user")",
                              R"(/group the group "no-such-group")", R"(/directory the directory "/")",
                              R"(/command/0 the program "true")"});
}

TEST_CASE("FAULTS 115: a listener that is open is not asked for again, another one with its names is") {
  const Config config = in_force();
  Reader reader;
  reader.machine.has_in_force(config, /*ask_known=*/true);
  const auto read = reader.read(
      R"("listen": ["-no-such-host:4711", {"address": "unix:/run/x.sock", "owner": "no-such-user"}])");
  REQUIRE(std::holds_alternative<Config>(read));
  const std::vector<ListenAddress>& listen = std::get<Config>(read).pools[0].listen;
  CHECK(listen[0].answers.hosts == Lines{"127.0.0.1"});
  CHECK(listen[1].answers.owner == 70003);
  CHECK(reader.mistakes(R"("listen": "-no-such-host:4712")") == 1);
  CHECK(reader.mistakes(R"("listen": {"address": "unix:/run/y.sock", "owner": "no-such-user"})") == 1);
  CHECK(reader.mistakes(R"("listen": ":1", "user": "no-such-user")") == 1);
}

TEST_CASE("FAULTS 115: no name that is in force is asked for when that is told, and a new name is") {
  const Config config = in_force();
  Reader reader;
  reader.machine.has_in_force(config, /*ask_known=*/false);
  const auto read = reader.read(
      R"("listen": ["-no-such-host:1", {"address": "unix:/run/y.sock", "owner": "no-such-user"}],
         "user": "no-such-user", "supervisor_user": "no-such-user")");
  REQUIRE(std::holds_alternative<Config>(read));
  const Config& known = std::get<Config>(read);
  CHECK(known.supervisor_identity == config.supervisor_identity);
  CHECK(known.pools[0].process.identity == config.pools[0].process.identity);
  CHECK(known.pools[0].listen[0].answers.hosts == Lines{"127.0.0.1"});
  CHECK(known.pools[0].listen[1].answers.owner == 70003);
  CHECK(reader.asked == Lines{" the file itself", R"(/command/0 the program "true")"});
  CHECK(reader.mistakes(R"("listen": ":1", "user": "no-such-user-either")") == 1);
  CHECK(reader.mistakes(R"("listen": ":1", "user": "no-such-user", "group": "no-such-group")") == 2);
}

}  // namespace
}  // namespace prefork
