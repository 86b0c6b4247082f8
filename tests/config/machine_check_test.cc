// What a file may say by the schema, but not on this machine, or not together.
#include "config/machine_check.h"

#include <doctest/doctest.h>

#include <cstdlib>
#include <string>

#include "tests/config/parse.h"
#include "tests/config/temp_directory.h"

namespace prefork {
namespace {

using Lines = std::vector<std::string>;

std::string listening_at(std::string_view listen) {
  return R"({"command": ["true"], "listen": )" + std::string(listen) + "}";
}

TEST_SUITE_BEGIN("machine check");

TEST_CASE("FAULTS 166: two addresses of which one includes the other are refused") {
  const auto both = [](const std::string& first, const std::string& second) {
    return mistakes(R"({"command": ["true"], "listen": [)" + first + ", " + second + "]}");
  };
  const std::string other = R"("127.0.0.1:80")";
  CHECK(both(other, R"(":80")") ==
        std::vector<std::string>{R"(pool.json: /listen/1: ":80" is not allowed: it overlaps "127.0.0.1:80", )"
                                 "/listen/0; remove one of them"});
  CHECK(both(R"(":80")", other).size() == 1);
  CHECK(both(R"(":80")", R"("[::]:80")").size() == 1);
  CHECK(both(R"("0.0.0.0:80")", other).size() == 1);
  CHECK(both(R"("[::]:80")", R"("[::1]:80")").size() == 1);
  CHECK(both(R"("[::]:80")", other).empty());
  CHECK(both(R"("[::]:80")", R"("0.0.0.0:80")").empty());
  CHECK(both(R"(":81")", other).empty());
  CHECK(both(R"(":0")", R"("127.0.0.1:0")").empty());
  CHECK(
      both(R"({"address": ":80", "reuse_port": true})", R"({"address": "127.0.0.1:80", "reuse_port": true})")
          .empty());
}

TEST_CASE("two listeners of a pool at the same place are refused") {
  CHECK(
      mistake(listening_at(R"(["127.0.0.1:80", "[::1]:80", "127.0.0.1:80"])")) ==
      R"(pool.json: /listen/2: "127.0.0.1:80" is not allowed: /listen/0 listens there already; remove one of them)");
  CHECK(
      mistake(listening_at(R"(["[::1]:80", {"address": "[0::1]:80", "backlog": 5}])")) ==
      R"(pool.json: /listen/1/address: "[0::1]:80" is not allowed: /listen/0 listens there already; remove one of them)");
}

TEST_CASE("two pools that listen at the same place are refused") {
  CHECK(
      mistake(R"({"pools": {"a": {"listen": "unix:@x", "command": ["true"]},
                              "b": {"listen": ["unix:@y", "unix:@x"], "command": ["true"]}}})") ==
      R"(pool.json: /pools/b/listen/1: "unix:@x" is not allowed: /pools/a/listen listens there already; remove one of them)");
}

TEST_CASE("FAULTS 29: an owner or group that does not exist is refused") {
  CHECK(
      mistakes(
          listening_at(R"({"address": "unix:/tmp/x", "owner": "no-such-user", "group": "no-such-group"})")) ==
      Lines{
          R"(pool.json: /listen/owner: "no-such-user" is not allowed: there is no such user; create it, or correct the name)",
          R"(pool.json: /listen/group: "no-such-group" is not allowed: there is no such group; create it, or correct the name)"});
  CHECK(mistakes(listening_at(R"({"address": "unix:/tmp/x", "owner": "root", "group": "4711"})")).empty());
}

TEST_CASE("what a listener's address names is resolved when the text is read") {
  const auto read = parsed(listening_at(
      R"(["localhost:80", "127.0.0.1:81", {"address": "unix:/tmp/x", "owner": "4294967294", "group": "root"}])"));
  const auto& listen = read.pools.front().listen;
  CHECK_FALSE(listen[0].answers.hosts.empty());
  for (const std::string& host : listen[0].answers.hosts) CHECK(is_numeric_host(host));
  CHECK(listen[1].answers == ListenAnswers{});
  CHECK(listen[2].answers == ListenAnswers{{}, 4294967294U, 0});
}

TEST_CASE("attributes that do not fit the kind of listener are refused") {
  CHECK(
      mistake(listening_at(R"({"address": "127.0.0.1:80", "mode": "0660"})")) ==
      R"(pool.json: /listen: mode, owner and group are only for unix:/path; remove them, for this is "127.0.0.1:80")");
  CHECK(
      mistake(listening_at(R"({"address": "unix:@x", "group": "root"})")) ==
      R"(pool.json: /listen: mode, owner and group are only for unix:/path; remove them, for this is "unix:@x")");
  CHECK(mistake(listening_at(R"({"address": "unix:/tmp/x", "reuse_port": true})")) ==
        R"(pool.json: /listen: reuse_port is only for TCP; remove it, for this is "unix:/tmp/x")");
  CHECK(mistake(listening_at(R"({"address": "unix:/tmp/x", "mode": "rw"})")) ==
        R"(pool.json: /listen/mode: "rw" is not allowed; it must be octal permissions such as "0660")");
  CHECK(mistake(listening_at(R"({"address": "127.0.0.1:80", "backlog": 0})")) ==
        R"(pool.json: /listen/backlog: 0 is not allowed; it must be an integer from 1 to 65535)");
}

TEST_CASE("a directory that is missing or is not a directory is refused") {
  CHECK(
      mistake(pool_with(R"("directory": "/nonexistent")")) ==
      R"(pool.json: /directory: "/nonexistent": No such file or directory; create the directory, or correct the path)");
  const std::string home = "; only shells replace ~: write the path of the home directory";
  CHECK(mistake(pool_with(R"("directory": "~/app")")).ends_with("~/app\": No such file or directory" + home));
  CHECK(mistake(pool_with(R"("log": {"file": "~/web.log"})")).ends_with("No such file or directory" + home));
  CHECK(mistake(R"({"listen": "127.0.0.1:0", "command": ["~/bin/web"]})").ends_with(home));
  CHECK(mistake(pool_with(R"("directory": "/etc/passwd")")) ==
        R"(pool.json: /directory: "/etc/passwd" is not a directory; name one)");
  CHECK(mistake(pool_with(R"("directory": "")")) ==
        R"(pool.json: /directory: "" is not allowed; it must be the path of a directory)");
}

TEST_CASE(
    "FAULTS 127: a log file is relative to the directory of the file, must not be a link, and needs a "
    "directory") {
  const TempDirectory directory;
  const auto log_file = [](const std::string& path) {
    return pool_with(R"("log": {"file": ")" + path + "\"}");
  };
  CHECK(parsed(log_file("a/../web.log")).log_file == (std::filesystem::current_path() / "web.log").string());
  CHECK(parsed(log_file(directory.at("web.log"))).log_file == directory.at("web.log"));
  CHECK(
      mistake(log_file("/nonexistent/web.log")) ==
      R"(pool.json: /log/file: "/nonexistent": No such file or directory; create the directory, or correct the path)");
  CHECK(mistake(log_file("/etc/passwd/web.log")) ==
        R"(pool.json: /log/file: "/etc/passwd" is not a directory; name one)");
  CHECK(
      mistake(log_file("/dev/stdout")) ==
      R"(pool.json: /log/file: "/dev/stdout" is not allowed: it is not a regular file; leave log.file out, )"
      "and redirect standard error");
  CHECK(mistake(log_file("/")) ==
        R"(pool.json: /log/file: "/" is not allowed: it is not a regular file; name a file)");
  for (const char* word : {"-", "stderr", "stdout"}) {
    CHECK(mistake(log_file(word)) ==
          R"(pool.json: /log/file: ")" + std::string(word) +
              R"(" is not allowed: it would be a file of that name; leave log.file )" +
              "out, and the log is standard error");
  }
  CHECK(parsed(log_file("./-")).log_file.ends_with("/-"));
  CHECK(mistake(log_file(R"(a\u0000b)")) ==
        R"(pool.json: /log/file: "a\u0000b" is not allowed: it contains a NUL byte)");
}

TEST_CASE("FAULTS 186: the configuration itself is refused as the log file, by any name") {
  const TempDirectory directory;
  const std::string file = directory.file("pool.json", pool_with(R"("log": {"file": "other.json"})"));
  CHECK(std::holds_alternative<Config>(load_config(file, system_programs())));
  std::filesystem::remove(directory.at("other.json"));
  std::filesystem::create_hard_link(file, directory.at("other.json"));
  const auto result = load_config(file, system_programs());
  REQUIRE(std::holds_alternative<ConfigProblems>(result));
  CHECK(std::get<ConfigProblems>(result).front().message() ==
        file + ": /log/file: \"" + directory.at("other.json") +
            "\" is not allowed: it is this configuration itself; name another file");
}

TEST_CASE("a relative program is found in the pool's directory") {
  const TempDirectory directory;
  directory.file("w", "#!/bin/sh\n", 0755);
  const std::string text =
      R"({"listen": "127.0.0.1:0", "command": ["./w"], "directory": ")" + directory.path() + "\"}";
  CHECK(parsed(text).pools.front().executable == directory.at("w"));
  CHECK(parsed(text).pools.front().command.front() == "./w");
}

TEST_CASE("the shortest backoff is not longer than the longest") {
  CHECK(
      mistake(pool_with(R"("restart": {"backoff_min": "1m"})")) ==
      R"(pool.json: /restart/backoff_min: "1m" is not allowed: backoff_min must not be longer than backoff_max, and they are 60000 and 30000 ms)");
  CHECK(
      mistake(pool_with(R"("restart": {"backoff_max": "50ms"})")) ==
      R"(pool.json: /restart/backoff_max: "50ms" is not allowed: backoff_min must not be longer than backoff_max, and they are 100 and 50 ms)");
}

TEST_CASE("command and environment fit the message that starts a worker") {
  const std::string value(61'000, 'x');
  CHECK(mistakes(pool_with(R"("environment": {"A": ")" + value + "\"}")).empty());
  CHECK(mistake(pool_with(R"("environment": {"A": ")" + value + "\", \"B\": \"" + value + "\"}")) ==
        "pool.json: command and environment have 122024 bytes together; at most 61440 are allowed");
}

TEST_CASE("FAULTS 282: a long LD_PRELOAD of the supervisor counts where workers get it") {
  const std::string accepting = R"("protocol": "accept")";
  REQUIRE(::setenv("LD_PRELOAD", std::string(61'440, ':').c_str(), 1) == 0);
  const auto refused = mistakes(pool_with(accepting));
  const auto not_used = mistakes(pool_with(accepting + R"(, "environment": {"LD_PRELOAD": ""})"));
  const auto native = mistakes(pool_with(R"("protocol": "native")"));
  REQUIRE(::unsetenv("LD_PRELOAD") == 0);
  REQUIRE(refused.size() == 1);
  CHECK(
      refused[0].starts_with("pool.json: command and environment, with the LD_PRELOAD of the supervisor's "
                             "own environment, have 614"));
  CHECK(not_used.empty());
  CHECK(native.empty());
}

TEST_SUITE_END();

}  // namespace
}  // namespace prefork
