// What the schema refuses, and the words for it.
#include <doctest/doctest.h>

#include <algorithm>

#include "tests/config/parse.h"

namespace prefork {
namespace {

using Lines = std::vector<std::string>;

constexpr const char* kDuration =
    R"( is not allowed; it must be a duration from "1ms" to "24h", such as "500ms", "30s", "5m" or "1h")";
constexpr const char* kAddress =
    R"(an address such as "127.0.0.1:8080", "[::1]:8080", ":8080", "unix:/run/web.sock", "unix:@web" or "systemd:web")";

std::string mistake_in(std::string_view members) { return mistake(pool_with(members)); }

std::string refused_variable(const std::string& name) {
  return "pool.json: /environment/" + name + ": the name \"" + name +
         R"(" is not allowed; it must be a name of 1 to 255 characters without "=" that does not begin with SUPERVISOR_)";
}

TEST_SUITE_BEGIN("mistakes");

TEST_CASE("FAULTS 39: a number is an integer in its range") {
  const std::string range = " is not allowed; it must be an integer from 0 to 4096";
  CHECK(mistake_in(R"("workers": -1)") == "pool.json: /workers: -1" + range);
  CHECK(mistake_in(R"("workers": 4097)") == "pool.json: /workers: 4097" + range);
  const std::string allowed = range + ", or an object with a \"max\"";
  CHECK(mistake_in(R"("workers": 4.5)") == "pool.json: /workers: 4.5" + allowed);
  CHECK(mistake_in(R"("workers": "4")") == R"(pool.json: /workers: "4")" + allowed);
  CHECK(mistake_in(R"("workers": "auto")") ==
        R"(pool.json: /workers: "auto")" + allowed +
            "; leave the key out for the default: number of CPUs that the supervisor may use");
  CHECK(mistake_in(R"("connections_per_worker": "default")")
            .ends_with("; leave the key out for the default: 1"));
  CHECK(mistake_in(R"("workers": null)") == "pool.json: /workers: null" + allowed);
  CHECK(mistake_in(R"("workers": true)") == "pool.json: /workers: true" + allowed);
  CHECK(mistake_in(R"("workers": [4])") == "pool.json: /workers: an array" + allowed);
  CHECK(mistake_in(R"("workers": 99999999999999999999)") == "pool.json: /workers: 1e+20" + allowed);
  CHECK(mistake_in(R"("connections_per_worker": 0)") ==
        "pool.json: /connections_per_worker: 0 is not allowed; it must be an integer from 1 to 4096");
  CHECK(mistake_in(R"("queue": {"max": "lots"})") ==
        R"(pool.json: /queue/max: "lots" is not allowed; it must be an integer from 1 to 1000000)");
}

TEST_CASE("FAULTS 39: the bounds of an elastic number of workers must fit") {
  CHECK(mistake_in(R"("workers": {"min": 1})") ==
        R"(pool.json: /workers: "max" is missing; it must be an integer from 1 to 4096)");
  CHECK(mistakes(pool_with(R"("workers": {"min": 4096})")) ==
        Lines{R"(pool.json: /workers: "max" is missing; it must be an integer from 1 to 4096)"});
  CHECK(mistake_in(R"("workers": {"max": 0})") ==
        "pool.json: /workers/max: 0 is not allowed; it must be an integer from 1 to 4096");
  CHECK(mistake_in(R"("workers": {"min": 5, "max": 4})") ==
        "pool.json: /workers/min: 5 is not allowed: min must not be larger than max, which is 4");
  CHECK(mistake_in(R"("workers": {"max": 4, "spares": 1})") ==
        R"(pool.json: /workers/spares: the key "spares" is not known here; did you mean "spare"?)");
  CHECK(
      mistake_in(R"("recycle": {"rss": "256MB"})") ==
      R"(pool.json: /recycle/rss: "256MB" is not allowed; it must be a size such as "64KiB", "256MiB" or "2GiB")");
}

TEST_CASE("FAULTS 39: the message about a choice lists the allowed values") {
  CHECK(mistake_in(R"("prefer": "longest_idle")") ==
        R"(pool.json: /prefer: "longest_idle" is not allowed; it must be one of "longest-idle", "warmest"; )"
        R"(did you mean "longest-idle"?)");
  CHECK(mistake_in(R"("start": "spawn")") ==
        R"(pool.json: /start: "spawn" is not allowed; it must be one of "exec", "fork")");
  CHECK(mistake_in(R"("hold": 1)") ==
        R"(pool.json: /hold: 1 is not allowed; it must be one of "receipt", "done")");
  CHECK(
      mistake_in(R"("protocol": "python")") ==
      R"(pool.json: /protocol: "python" is not allowed; it must be one of "native", "accept", "accept-notify", "node", "classic")");
  CHECK(
      mistake_in(R"("output": "inherited")") ==
      R"(pool.json: /output: "inherited" is not allowed; it must be one of "prefix", "inherit"; did you mean "inherit"?)");
  CHECK(
      mistake_in(R"("log": {"level": "loud"})") ==
      R"(pool.json: /log/level: "loud" is not allowed; it must be one of "debug", "info", "warning", "error")");
  CHECK(
      mistake_in(R"("queue": {"full": "rejects"})") ==
      R"(pool.json: /queue/full: "rejects" is not allowed; it must be one of "wait", "reject"; did you mean "reject"?)");
}

TEST_CASE(
    "FAULTS 39: another program's word for a choice suggests the choice, not the word that looks like it") {
  const auto suggested = [](const std::string& members) {
    const std::string line = mistake_in(members);
    return line.substr(line.rfind("; ") + 2);
  };
  CHECK(suggested(R"("log": {"level": "warn"})") == R"(did you mean "warning"?)");
  CHECK(suggested(R"("log": {"level": "Notice"})") == R"(did you mean "info"?)");
  CHECK(suggested(R"("queue": {"order": "lifo"})") == R"(did you mean "adaptive"?)");
  CHECK(suggested(R"("health": {"kill_signal": "SIGTERM"})") == R"(did you mean "TERM"?)");
}

TEST_CASE("FAULTS 39: a duration has a whole number, a unit and a limit") {
  for (const char* wrong : {"30", "0s", "1.5s", "-1s", "5 s", "1d", "25h", "86401s", "s", "", "999999999s"}) {
    CAPTURE(wrong);
    CHECK(mistake_in(R"("stop_timeout": ")" + std::string(wrong) + '"') ==
          R"(pool.json: /stop_timeout: ")" + std::string(wrong) + '"' + kDuration);
  }
  CHECK(
      mistake_in(R"("stop_delay": "00s")") ==
      R"(pool.json: /stop_delay: "00s" is not allowed; it must be a duration from "0s" to "24h", such as "10s" or "1m")");
  CHECK(mistake_in(R"("health": {"start_timeout": 30})") ==
        std::string("pool.json: /health/start_timeout: 30") + kDuration);
}

TEST_CASE("FAULTS 39: a missing key is named with its allowed values") {
  CHECK(
      mistakes("{}") ==
      Lines{
          std::string(R"(pool.json: "listen" is missing; it must be )") + kAddress +
              R"(, or an object with an "address", or an array of these)",
          R"(pool.json: "command" is missing; it must be an array of strings, the program first, such as ["supervisor-worker", "http"])"});
  CHECK(
      mistake(R"({"listen": ":0"})") ==
      R"(pool.json: "command" is missing; it must be an array of strings, the program first, such as ["supervisor-worker", "http"])");
  CHECK(mistake(R"({"listen": {"backlog": 5}, "command": ["true"]})") ==
        std::string(R"(pool.json: /listen: "address" is missing; it must be )") + kAddress);
  CHECK(
      mistake(R"({"pools": {}})") ==
      R"(pool.json: /pools: {} is not allowed: it is empty; it must be an object that has each pool under its name, such as {"web": {...}})");
  CHECK(mistake(R"({"listen": [], "command": ["true"]})") ==
        std::string("pool.json: /listen: [] is not allowed: it is empty; each element must be ") + kAddress +
            R"(, or an object with an "address")");
  CHECK(mistake(R"({"listen": ":0", "command": []})") ==
        "pool.json: /command: [] is not allowed: it is empty; each element must be a string");
}

TEST_CASE("FAULTS 39: the message about a value of the wrong type names the right type") {
  const std::string object = R"(an object, such as {"listen": ":8080", "command": ["program"]})";
  CHECK(mistake("[]") == "pool.json: [] is not allowed; it must be " + object);
  CHECK(mistake("\"pool\"") == "pool.json: \"pool\" is not allowed; it must be " + object);
  CHECK(mistake("null") == "pool.json: null is not allowed; it must be " + object);
  CHECK(
      mistake_in(R"("queue": 5)") ==
      "pool.json: /queue: 5 is not allowed; it must be an object of fairness, full, half_closed, max, order, "
      "reject_with, target, "
      "timeout");
  CHECK(mistake(R"({"pools": {"web": 3}})")
            .starts_with("pool.json: /pools/web: 3 is not allowed; it must be an object; "));
  CHECK(
      mistake(R"({"listen": ":0", "command": "true"})") ==
      R"(pool.json: /command: "true" is not allowed; it must be an array of strings, the program first, such as ["supervisor-worker", "http"])");
  CHECK(mistake(R"({"listen": ":0", "command": ["true", 3]})") ==
        "pool.json: /command/1: 3 is not allowed; it must be a string");
  CHECK(mistake(R"({"listen": [":0", 80], "command": ["true"]})") ==
        std::string("pool.json: /listen/1: 80 is not allowed; it must be ") + kAddress +
            R"(, or an object with an "address")");
  CHECK(mistake_in(R"("environment": {"PORT": 80})") ==
        "pool.json: /environment/PORT: 80 is not allowed; it must be a string");
}

TEST_CASE("FAULTS 39: names of pools and variables have rules") {
  CHECK(mistake(R"({"pools": {"a b": {"listen": ":0", "command": ["true"]}}})") ==
        R"(pool.json: /pools/a b: the name "a b" is not allowed; it must be )"
        R"(a name of 1 to 64 letters, digits, "_", "." and "-")");
  CHECK(
      mistake_in(R"("name": "")") ==
      R"(pool.json: /name: "" is not allowed; it must be a name of 1 to 64 letters, digits, "_", "." and "-")");
  for (const std::string wrong : {"", "A=B", "SUPERVISOR_CHANNEL"}) {
    CAPTURE(wrong);
    CHECK(mistake_in(R"("environment": {")" + wrong + R"(": "x"})") == refused_variable(wrong));
  }
}

TEST_CASE("FAULTS 39: a NUL byte is refused where a C string is needed, and allowed in reject_with") {
  CHECK(mistake_in(R"("environment": {"A": "a\u0000b"})") ==
        R"(pool.json: /environment/A: "a\u0000b" is not allowed: it contains a NUL byte)");
  CHECK(mistake(R"({"listen": ":0", "command": ["tr\u0000ue"]})")
            .starts_with(R"(pool.json: /command/0: "tr\u0000ue" is not allowed: it contains a NUL byte)"));
  CHECK(mistakes(pool_with(R"("queue": {"reject_with": "a\u0000b"})")).empty());
}

TEST_CASE("FAULTS 39: reject_with is limited in bytes, not characters") {
  std::string text;
  for (int i = 0; i < 701; ++i) text += "\xC3\xA4";
  CHECK(mistakes(pool_with(R"("queue": {"reject_with": ")" + text.substr(0, 1400) + "\"}")).empty());
  const std::string line = mistake_in(R"("queue": {"reject_with": ")" + text + "\"}");
  CHECK(line.starts_with("pool.json: /queue/reject_with: "));
  CHECK(line.ends_with("... (1402 bytes) is not allowed; it must be a string of at most 1400 bytes"));
}

TEST_CASE(
    "FAULTS 39: a message shows the beginning and the length of a long value; of a path it shows more") {
  const std::string shown = '"' + std::string(60, 'x') + "\"... (1401 bytes)";
  const std::string value = '"' + std::string(1401, 'x') + '"';
  CHECK(mistake_in(R"("queue": {"reject_with": )" + value + "}") ==
        "pool.json: /queue/reject_with: " + shown +
            " is not allowed; it must be a string of at most 1400 bytes");
  CHECK(mistake(R"({"listen": )" + value + R"(, "command": ["true"]})")
            .starts_with("pool.json: /listen: " + shown + " is not allowed; it must be "));
  const std::string user(200, 'x');
  CHECK(mistake_in(R"("user": ")" + user + '"') ==
        "pool.json: /user: \"" + user.substr(0, 60) +
            "\"... (200 bytes) is not allowed: there is no such user; create it, or correct the name");
  const std::string path = "/" + std::string(200, 'x');
  CHECK(mistake_in(R"("directory": ")" + path + '"') ==
        "pool.json: /directory: \"" + path +
            "\": No such file or directory; create the directory, or correct the path");
}

TEST_CASE("FAULTS 39: what is empty, or a number in quotes, is answered with what to write") {
  CHECK(mistake_in(R"("log": {"file": ""})") ==
        R"(pool.json: /log/file: "" is not allowed; it must be the path of a file)");
  CHECK(mistake_in(R"("limits": {"nofile": "1024"})").ends_with("; a number has no quotes"));
}

TEST_CASE("FAULTS 39: the path of the control socket is that of a file, and no pool listens there") {
  const std::string path = R"("control": ")";
  CHECK(mistakes(pool_with(path + R"(/run/shop.sock")")).empty());
  for (const std::string wrong : {"@shop", "unix:/run/shop.sock"}) {
    CHECK(mistake_in(path + wrong + '"') ==
          "pool.json: /control: \"" + wrong + "\" is not allowed: the control socket is a file; write its " +
              R"(path alone, such as "/run/shop.sock")");
  }
  CHECK(mistake_in(path + R"(/run/")").ends_with(R"(the path of a socket cannot end in "/")"));
  CHECK(mistake_in(path + "/" + std::string(107, 'x') + '"')
            .ends_with("the path is 108 bytes long; the path of a unix socket may have at most 107"));
  CHECK(mistake_in(path + R"(/a\u0000b")").ends_with("it contains a NUL byte"));
  CHECK(
      mistake_in(R"("control": 5)")
          .ends_with(
              R"(is not allowed; it must be the path of a socket, such as "/run/shop.sock", or false; without the key the socket is in the runtime directory)"));
  CHECK(
      mistake(R"({"control": "/run/a", "listen": "unix:/run/a", "command": ["true"]})") ==
      R"(pool.json: /listen: "unix:/run/a" is not allowed: /control listens there already; remove one of them)");
  CHECK(mistake(R"({"pools": {"web": {"listen": ":0", "command": ["true"], "control": "/a"}}})") ==
        R"(pool.json: /pools/web/control: the key "control" is not known here; it belongs at /control)");
}

TEST_CASE("all mistakes of a file are reported, in the order of the file") {
  CHECK(
      mistakes(R"({"wokers": 1, "command": [""], "queue": {"max": 0},
                     "listen": ["nowhere", ":x"], "hold": "fast"})") ==
      Lines{R"(pool.json: /wokers: the key "wokers" is not known here; did you mean "workers"?)",
            R"(pool.json: /command/0: "" is not the name of a program; write its name or its path)",
            "pool.json: /queue/max: 0 is not allowed; it must be an integer from 1 to 1000000",
            R"(pool.json: /listen/0: "nowhere" is not allowed: the port is missing: "host:port" or ":port")",
            R"(pool.json: /listen/1: ":x" is not allowed: the port must be a number from 0 to 65535)",
            R"(pool.json: /hold: "fast" is not allowed; it must be one of "receipt", "done")"});
}

TEST_CASE("FAULTS 39: the number of reported problems is bounded") {
  std::string members = R"("environment": {)";
  for (int i = 0; i < 500; ++i) members += (i == 0 ? "\"K" : ", \"K") + std::to_string(i) + "\": 1";
  const Lines lines = mistakes(pool_with(members + "}"));
  CHECK(lines.size() == 51);
  CHECK(lines.back() == "pool.json: there are more problems; correct these first");
}

TEST_CASE("FAULTS 39: whatever a file contains, a message is one printable line") {
  const Lines lines = mistakes(pool_with("\"a\\u001b[31m\\n\": 1, \"hold\": \"\\u0085\\n\xE2\x80\xA8\""));
  REQUIRE(lines.size() == 2);
  for (const std::string& line : lines) {
    CAPTURE(line);
    CHECK(std::all_of(line.begin(), line.end(), [](char c) { return c >= ' ' && c <= '~'; }));
  }
  CHECK(lines[1] ==
        R"(pool.json: /hold: "\u0085\n\u2028" is not allowed; it must be one of "receipt", "done")");
}

TEST_SUITE_END();

}  // namespace
}  // namespace prefork
