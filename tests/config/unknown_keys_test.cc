// What is answered to a key that the schema does not know.
#include <doctest/doctest.h>

#include "tests/config/parse.h"

namespace prefork {
namespace {

std::string mistake_in(std::string_view members) { return mistake(pool_with(members)); }

TEST_SUITE_BEGIN("unknown keys");

TEST_CASE("FAULTS 39: an unknown key is named with the nearest known one") {
  CHECK(mistake_in(R"("wokers": 4)") ==
        R"(pool.json: /wokers: the key "wokers" is not known here; did you mean "workers"?)");
  CHECK(mistake_in(R"("Workers": 4)") ==
        R"(pool.json: /Workers: the key "Workers" is not known here; did you mean "workers"?)");
  CHECK(mistake_in(R"("connections-per-worker": 4)") ==
        R"(pool.json: /connections-per-worker: the key "connections-per-worker" is not known here; )"
        R"(did you mean "connections_per_worker"?)");
  CHECK(mistake_in(R"("queue": {"tiemout": "1s"})") ==
        R"(pool.json: /queue/tiemout: the key "tiemout" is not known here; did you mean "timeout"?)");
}

TEST_CASE("FAULTS 39: the message about an unknown key that resembles none lists all known keys") {
  CHECK(mistake_in(R"("queue": {"xyzzy": 1})") ==
        R"(pool.json: /queue/xyzzy: the key "xyzzy" is not known here; known here: )"
        "fairness, full, half_closed, max, order, reject_with, target, timeout");
}

TEST_CASE("FAULTS 39: a message names the nearest word, or where the words are, in place of a long list") {
  CHECK(mistake_in(R"("limits": {"nofil": 5})") ==
        R"(pool.json: /limits/nofil: the name "nofil" is not allowed; did you mean "nofile"?)");
  CHECK(
      mistake(R"({"pools": {"web": 1}})") ==
      R"(pool.json: /pools/web: 1 is not allowed; it must be an object; "supervisor schema" prints its keys)");
}

TEST_CASE("FAULTS 39: the message about a known key in the wrong place names the right place") {
  CHECK(
      mistake_in(R"("kill_timeout": "5s")") ==
      R"(pool.json: /kill_timeout: the key "kill_timeout" is not known here; it belongs at /health/kill_timeout)");
  CHECK(mistake_in(R"("queue": {"workers": 1})") ==
        R"(pool.json: /queue/workers: the key "workers" is not known here; it belongs at /workers)");
  CHECK(mistake(R"({"pools": {"web": {"listen": ":0", "command": ["true"]}}, "workers": 4})") ==
        R"(pool.json: /workers: the key "workers" is not known here; it belongs at /pools/NAME/workers)");
  CHECK(
      mistake(R"({"pools": {"web": {"listen": ":0", "command": ["true"], "stop_timeout": "1s"}}})") ==
      R"(pool.json: /pools/web/stop_timeout: the key "stop_timeout" is not known here; it belongs at /stop_timeout)");
}

TEST_CASE("FAULTS 39: a key that is written with the name of its object is found in that object") {
  const auto place = [](const std::string& key) {
    const std::string line = mistake_in("\"" + key + "\": 1");
    return line.substr(line.find("; ") + 2);
  };
  CHECK(place("log_level") == "it belongs at /log/level");
  CHECK(place("queue_timeout") == "it belongs at /queue/timeout");
  CHECK(place("keep_alive_park") == "it belongs at /keep_alive/park");
  CHECK(place("health-busy-timeout").find("/health") == std::string::npos);
  CHECK(place("queue.max") == "it belongs at /queue/max");
  CHECK(place("workers_max") == "it belongs at /workers/max");
  CHECK(mistake(R"({"pools": {"web": {"listen": ":0", "command": ["true"], "queue_max": 1}}})") ==
        R"(pool.json: /pools/web/queue_max: the key "queue_max" is not known here; it belongs at )"
        R"(/pools/web/queue/max)");
}

TEST_CASE("FAULTS 39: a part of a key that is known here suggests that key, not the same key elsewhere") {
  CHECK(
      mistake_in(R"("keep_alive": {"timeout": "2m"})") ==
      R"(pool.json: /keep_alive/timeout: the key "timeout" is not known here; did you mean "idle_timeout"?)");
  CHECK(mistake_in(R"("restart": {"max": "2m"})") ==
        R"(pool.json: /restart/max: the key "max" is not known here; did you mean "backoff_max"?)");
  CHECK(mistake_in(R"("queue": {"reject": ""})") ==
        R"(pool.json: /queue/reject: the key "reject" is not known here; did you mean "reject_with"?)");
  CHECK(mistake_in(R"("health": {"ping": "1s"})") ==
        R"(pool.json: /health/ping: the key "ping" is not known here; )"
        R"(did you mean "ping_interval" or "ping_timeout"?)");
  CHECK(mistake_in(R"("worker": 4)") ==
        R"(pool.json: /worker: the key "worker" is not known here; did you mean "workers"?)");
}

TEST_CASE("FAULTS 39: a name that other programs give to a key suggests the key") {
  const auto suggested = [](const std::string& key) {
    const std::string line = mistake_in("\"" + key + "\": 1");
    return line.substr(line.find("; ") + 2);
  };
  CHECK(suggested("bind") == R"(did you mean "listen"?)");
  CHECK(suggested("env") == R"(did you mean "environment"?)");
  CHECK(suggested("chdir") == R"(did you mean "directory"?)");
  CHECK(suggested("args") == R"(did you mean "command"?)");
  CHECK(suggested("processes") == R"(did you mean "workers"?)");
  CHECK(suggested("ExecStart") == R"(did you mean "command"?)");
  CHECK(suggested("WorkingDirectory") == R"(did you mean "directory"?)");
  CHECK(suggested("numprocs") == R"(did you mean "workers"?)");
  CHECK(suggested("uid") == R"(did you mean "user"?)");
  CHECK(suggested("pool") == R"(did you mean "pools"?)");
  CHECK(mistake_in(R"("workers": {"max": 4, "max_children": 4})") ==
        R"(pool.json: /workers/max_children: the key "max_children" is not known here; did you mean "max"?)");
  CHECK(mistake_in(R"("recycle": {"requests": 4})") ==
        R"(pool.json: /recycle/requests: the key "requests" is not known here; did you mean "connections"?)");
  CHECK(mistake(R"({"listen": {"address": ":0", "port": 80}, "command": ["true"]})") ==
        R"(pool.json: /listen/port: the key "port" is not known here; did you mean "address"?)");
  CHECK(suggested("xyzzy") == "\"supervisor schema\" prints all keys");
  CHECK(suggested("max_requests") == "did you mean /recycle/connections?");
  CHECK(suggested("loglevel") == "did you mean /log/level?");
  CHECK(suggested("logfile") == "did you mean /log/file?");
  CHECK(suggested("drain_timeout") == R"(did you mean "stop_timeout"?)");
  CHECK(suggested("nofile") == R"(did you mean "limits"?)");
  CHECK(mistake_in(R"("environment": ["A=1"])")
            .ends_with(R"(it must be an object of strings, such as {"TZ": "UTC"})"));
  CHECK(mistake(R"({"pools": {"web": {"listen": ":0", "command": ["true"]}}, "env": {}})") ==
        R"(pool.json: /env: the key "env" is not known here; did you mean /pools/NAME/environment?)");
}

TEST_CASE("FAULTS 39: a key that may be a part of a known key, or belong to an inner object, suggests both") {
  CHECK(mistake(R"({"pools": {"web": {"listen": ":0", "command": ["true"]}}, "user": "nobody"})") ==
        R"(pool.json: /user: the key "user" is not known here; )"
        R"(did you mean "admin_user" or "supervisor_user", or does it belong at /pools/NAME/user?)");
  CHECK(mistake(R"({"pools": {"web": {"listen": ":0", "command": ["true"], "timeout": "1s"}}})") ==
        R"(pool.json: /pools/web/timeout: the key "timeout" is not known here; )"
        R"(did you mean "first_byte_timeout", or does it belong at /pools/web/queue/timeout?)");
}

TEST_SUITE_END();

}  // namespace
}  // namespace prefork
