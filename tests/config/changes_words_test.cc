// The answer of a reload for a pool, in words.
#include "config/changes_words.h"

#include <doctest/doctest.h>

#include <string>

#include "tests/config/parse.h"

namespace prefork {
namespace {

/// The words when a pool changes from the first keys to the second.
std::string words(const std::string& before, const std::string& after) {
  const std::string common = R"("listen": "127.0.0.1:80", "command": ["true"])";
  const auto pool_of = [&common](const std::string& keys) {
    const bool listens = keys.find("\"listen\"") != std::string::npos;
    return parsed("{" + (listens ? std::string(R"("command": ["true"])") : common) + ", " + keys + "}")
        .pools[0];
  };
  const PoolConfig now = pool_of(after);
  return in_words(compare(pool_of(before), now), now);
}

TEST_SUITE_BEGIN("changes");

TEST_CASE("equal pools are unchanged") { CHECK(words(R"("workers": 4)", R"("workers": 4)") == "unchanged"); }

TEST_CASE("settings are named by their keys; the number of workers is shown") {
  CHECK(
      words(R"("workers": 2)", R"("workers": 4, "queue": {"timeout": "5s"}, "keep_alive": {"park": true})") ==
      "workers 4, keep_alive.park, queue.timeout");
  CHECK(words(R"("workers": 2)", R"("workers": {"min": 2, "max": 64})") == "workers 2 to 64");
  CHECK(words(R"("workers": {"min": 2, "max": 8})", R"("workers": {"min": 3, "max": 9, "spare": 2})") ==
        "workers.max 9, workers.min 3, workers.spare");
}

TEST_CASE("a changed environment is named, without its secrets") {
  CHECK(words(R"("environment": {"KEY": "secret"})", R"("environment": {"KEY": "changed"})") ==
        "workers are replaced: environment");
}

TEST_CASE("listeners are named by their addresses, and a changed one by its attributes") {
  CHECK(words(R"("workers": 1, "listen": ["127.0.0.1:80", "unix:/tmp/a"])",
              R"("workers": 1, "listen": ["127.0.0.1:81", {"address": "unix:/tmp/a", "mode": "0600"}])") ==
        "listen 127.0.0.1:81 added, 127.0.0.1:80 removed, unix:/tmp/a changed (mode)");
}

TEST_CASE("settings, listeners and keys that replace workers are separate parts") {
  CHECK(words(R"("workers": 1)",
              R"("workers": 1, "prefer": "warmest", "listen": "127.0.0.1:81", "nice": 5, "umask": "0077")") ==
        "prefer; listen 127.0.0.1:81 added, 127.0.0.1:80 removed; workers are replaced: umask, nice");
}

TEST_SUITE_END();

}  // namespace
}  // namespace prefork
