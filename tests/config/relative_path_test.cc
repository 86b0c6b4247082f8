// Relative paths in a file, wherever the supervisor or a command was started.
#include "config/relative_path.h"

#include <doctest/doctest.h>

#include <filesystem>

#include "config/control_path.h"
#include "tests/config/parse.h"
#include "tests/config/temp_directory.h"

namespace prefork {
namespace {

namespace fs = std::filesystem;

/// The current directory is another one meanwhile.
class CurrentDirectory {
 public:
  explicit CurrentDirectory(const std::string& path) : before_(fs::current_path()) { fs::current_path(path); }
  ~CurrentDirectory() { fs::current_path(before_); }
  CurrentDirectory(const CurrentDirectory&) = delete;
  CurrentDirectory& operator=(const CurrentDirectory&) = delete;

 private:
  fs::path before_;
};

Config loaded(const std::string& file) {
  auto result = load_config(file, system_programs());
  if (const auto* problems = std::get_if<ConfigProblems>(&result)) FAIL(problems->front().message());
  return std::get<Config>(std::move(result));
}

constexpr const char* kText = R"({
  "control": "run/control.sock",
  "pools": {
    "a": { "listen": ["unix:a.sock", "unix:@a"], "command": ["bin/worker"] },
    "b": { "listen": "unix:/tmp/b.sock", "directory": "bin", "command": ["./worker"] }
  }
})";

TEST_SUITE_BEGIN("relative path");

TEST_CASE("relative paths begin in the directory of the file, from wherever it is named") {
  const TempDirectory directory;
  REQUIRE(fs::create_directory(directory.at("bin")));
  (void)directory.file("bin/worker", "#!/bin/sh\n", 0755);
  const std::string file = directory.file("pool.json", kText);
  const auto check = [&](const std::string& name) {
    CAPTURE(name);
    const Config config = loaded(name);
    CHECK(config.control == directory.at("run/control.sock"));
    CHECK(control_path_of(name).value() == config.control);
    CHECK(config.pools[0].listen[0].text() == "unix:" + directory.at("a.sock"));
    CHECK(config.pools[0].listen[1].text() == "unix:@a");
    CHECK(config.pools[0].executable == directory.at("bin/worker"));
    CHECK(config.pools[0].directory.empty());
    CHECK(config.pools[1].listen[0].text() == "unix:/tmp/b.sock");
    CHECK(config.pools[1].directory == directory.at("bin"));
    CHECK(config.pools[1].executable == directory.at("bin/worker"));
  };
  check(file);
  {
    const CurrentDirectory inside(directory.path());
    check("pool.json");
    check("./bin/../pool.json");
  }
  const CurrentDirectory below(directory.at("bin"));
  check("../pool.json");
}

TEST_CASE("FAULTS 187: a link and \"..\" in the name of the file lead where they lead for the kernel") {
  const TempDirectory directory;
  fs::create_directories(directory.at("release/config"));
  fs::create_symlink(directory.at("release/config"), directory.at("link"));
  fs::create_directories(directory.at("bin"));
  (void)directory.file("pool.json", R"({"listen": "unix:wrong", "command": ["true"]})");
  const std::string file =
      directory.file("release/pool.json", R"({"listen": "unix:right", "command": ["true"]})");
  const CurrentDirectory inside(directory.path());
  CHECK(absolute_path("link/../pool.json") == file);
  CHECK(loaded("link/../pool.json").pools[0].listen[0].text() == "unix:" + directory.at("release/right"));
  // A link that leads elsewhere later stays in the path.
  CHECK(absolute_path("bin/../link/./pool.json") == directory.at("link/pool.json"));
  CHECK(absolute_path("link/sub/../pool.json") == directory.at("link/sub/../pool.json"));
  fs::create_directories(directory.at("link/sub"));
  CHECK(absolute_path("link/sub/../pool.json") == directory.at("link/pool.json"));
  CHECK(absolute_path("/..//pool.json") == "/pool.json");
}

TEST_CASE("two relative paths of one socket are the same place") {
  CHECK(
      mistake(R"({"listen": ["unix:run/a", "unix:./run/a"], "command": ["true"]})") ==
      R"(pool.json: /listen/1: "unix:./run/a" is not allowed: /listen/0 listens there already; remove one of them)");
}

TEST_CASE("a directory that is missing is named with the path where it was looked for") {
  const TempDirectory directory;
  const std::string file = directory.file(
      "pool.json", R"({"listen": "127.0.0.1:0", "command": ["true"], "directory": "no/such"})");
  const auto result = load_config(file, system_programs());
  REQUIRE(std::holds_alternative<ConfigProblems>(result));
  CHECK(std::get<ConfigProblems>(result).front().message() ==
        file + ": /directory: \"" + directory.at("no/such") +
            "\": No such file or directory; create the directory, or correct the path");
}

TEST_CASE("the length of a socket's path counts with the directory of the file") {
  const std::string path(100, 'x');
  const std::string line = mistake(R"({"listen": "unix:)" + path + R"(", "command": ["true"]})");
  CHECK(line.ends_with("bytes long; the path of a unix socket may have at most 107"));
}

TEST_SUITE_END();

}  // namespace
}  // namespace prefork
