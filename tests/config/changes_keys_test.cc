// No key of the file is forgotten when two configurations are compared: each that the schema knows has a
// sample here, and a configuration with that sample differs in that key and in no other.
#include <doctest/doctest.h>

#include <map>
#include <nlohmann/json.hpp>
#include <string>
#include <utility>
#include <vector>

#include "config/changes.h"
#include "config/schema.h"
#include "config/schema_words.h"
#include "tests/config/parse.h"
#include "tests/config/temp_directory.h"

namespace prefork {
namespace {

using nlohmann::json;

/// The keys that have values, by their names in the documentation; keys that only contain other keys are left
/// out.
std::vector<std::string> keys_with_values(const json& schema, const json& object, const std::string& prefix) {
  std::vector<std::string> keys;
  for (const auto& [name, node] : object.at("properties").items()) {
    bool plain = false;
    for (const json* one : alternatives(schema, node)) {
      if (!one->contains("properties")) {
        plain = plain || one->value("enum", json::array()).size() != 1;  // of one value there is no other
        continue;
      }
      for (std::string& inner : keys_with_values(schema, *one, prefix + name + "."))
        keys.push_back(std::move(inner));
    }
    if (plain) keys.push_back(prefix + name);
  }
  return keys;
}

std::vector<std::string> keys_of(const char* definition) {
  const json schema = json::parse(pool_schema());
  return keys_with_values(schema, schema["definitions"][definition], "");
}

/// For each key another value than it has in base_for().
json samples() {
  return json::parse(R"({
    "listen": "127.0.0.1:81",
    "listen.address": "unix:@other",
    "listen.backlog": 5,
    "listen.mode": "0600",
    "listen.owner": "nobody",
    "listen.group": "daemon",
    "listen.reuse_port": true,
    "listen.proxy_protocol": true,
    "command": ["true", "x"],
    "start": "fork",
    "protocol": "classic",
    "drain": "now",
    "drain_signal": "QUIT",
    "listen_fds": true,
    "idle_value": -1,
    "workers": 5,
    "workers.max": 9,
    "workers.min": 2,
    "workers.spare": 2,
    "workers.spawn_rate": 7,
    "workers.idle_timeout": "7s",
    "connections_per_worker": 2,
    "prefer": "warmest",
    "hold": "done",
    "connections_per_address": 7,
    "wait_for_data": true,
    "first_byte_timeout": "7s",
    "keep_alive.park": true,
    "keep_alive.idle_timeout": "7s",
    "keep_alive.max": 7,
    "queue.max": 7,
    "queue.timeout": "7s",
    "queue.order": "adaptive",
    "queue.target": "7ms",
    "queue.fairness": "address",
    "queue.half_closed": "serve",
    "queue.full": "reject",
    "queue.reject_with": "x",
    "health.start_timeout": "7s",
    "health.receipt_timeout": "7s",
    "health.kill_timeout": "7s",
    "health.busy_timeout": "7s",
    "health.ping_interval": "7s",
    "health.ping_timeout": "7s",
    "health.kill_signal": "ABRT",
    "restart.backoff_min": "7ms",
    "restart.backoff_max": "7s",
    "recycle.connections": 7,
    "recycle.jitter": 7,
    "recycle.age": "7s",
    "recycle.rss": "7MiB",
    "recycle.at_once": 7,
    "probation.time": "7s",
    "probation.connections": 7,
    "crash_reply": "x",
    "directory": "/",
    "environment": {"A": "1"},
    "scheduling": "normal",
    "user": "daemon",
    "group": "daemon",
    "umask": "0077",
    "nice": 7,
    "limits": {"nofile": 7},
    "oom_score_adj": 7,
    "output": "inherit",
    "output_line_max": 777,
    "name": "other",
    "log.level": "debug",
    "log.file": "/tmp/other.log",
    "log.format": "json",
    "stop_delay": "3s",
    "stop_timeout": "7s",
    "control": "/run/other.sock",
    "supervisor_user": "daemon",
    "seccomp": false,
    "admin": "127.0.0.1:9465",
    "admin.address": "unix:/tmp/other.sock",
    "admin.mode": "0660",
    "admin.owner": "nobody",
    "admin.group": "daemon",
    "admin_hosts": ["ops.example.org"],
    "admin_token_file": "TOKEN_FILE",
    "admin_user": "daemon",
    "agent": "127.0.0.1:9466",
    "agent.address": "unix:/tmp/other.sock",
    "agent.mode": "0660",
    "agent.owner": "nobody",
    "agent.group": "daemon"
  })");
}

json base_for(const std::string& key) {
  json base = json::parse(R"({"command": ["true"], "workers": 4, "user": "nobody"})");
  if (key == "drain" || key == "drain_signal" || key == "listen_fds") base["protocol"] = "accept";
  if (key == "idle_value") base["protocol"] = "classic";
  if (key.starts_with("workers.")) base["workers"] = {{"max", 8}};
  if (key.starts_with("listen")) base["listen"] = {{"address", "unix:/tmp/a.sock"}};
  if (key.starts_with("admin.")) base["admin"] = {{"address", "unix:/tmp/a.sock"}};
  if (key.starts_with("agent.")) base["agent"] = {{"address", "unix:/tmp/a.sock"}};
  if (!key.starts_with("listen") || key == "listen.reuse_port")
    base["listen"] = {{"address", "127.0.0.1:80"}};
  return base;
}

json::json_pointer pointer_of(std::string key) {
  for (char& each : key) {
    if (each == '.') each = '/';
  }
  return json::json_pointer("/" + key);
}

/// Parsed once: under the sanitizers that takes a tenth of a second.
const Config& base_config(const std::string& text) {
  static std::map<std::string, Config> known;
  const auto found = known.find(text);
  return found != known.end() ? found->second : known.emplace(text, parsed(text)).first->second;
}

/// The two configurations that `key` makes, before and after.
std::pair<Config, Config> pair_for(const std::string& key) {
  json text = base_for(key);
  const Config before = base_config(text.dump());
  const TempDirectory directory;
  text[pointer_of(key)] = samples().at(key);
  if (key == "admin_token_file") text[key] = directory.file("token", "0123456789abcdef", 0600);
  return {before, parsed(text.dump())};
}

std::vector<std::string> names_of(const PoolChanges& changes) {
  std::vector<std::string> names;
  for (const Keys* keys : {&changes.workers_replaced, &changes.size, &changes.policy})
    names.insert(names.end(), keys->begin(), keys->end());
  for (const auto& changed : changes.listeners.changed) {
    for (const std::string_view attribute : changed.attributes)
      names.push_back("listen." + std::string(attribute));
  }
  if (!changes.listeners.added.empty()) names.emplace_back("listen");
  return names;
}

TEST_SUITE_BEGIN("changes");

TEST_CASE("a pool with another value of a key differs in that key alone, whichever key it is") {
  for (const std::string& key : keys_of("pool")) {
    CAPTURE(key);
    REQUIRE_MESSAGE(samples().contains(key), "a new key: the table in config/changes.cc needs it, too");
    const auto [before, after] = pair_for(key);
    const std::string expected = key == "listen.address" ? "listen" : key;
    CHECK(names_of(compare(before.pools[0], after.pools[0])) == std::vector<std::string>{expected});
  }
}

TEST_CASE("a file with another value of a key beside the pools differs in that key alone, whichever it is") {
  for (const std::string& key : keys_of("file")) {
    if (key == "$schema") continue;  // the supervisor ignores it
    CAPTURE(key);
    REQUIRE_MESSAGE(samples().contains(key), "a new key: the table in config/changes.cc needs it, too");
    const auto [before, after] = pair_for(key);
    if (key == "name") {
      CHECK(compare_file_keys(before, after).empty());
      CHECK(after.pools[0].name == "other");
    } else {
      const std::string expected = key.substr(0, key.starts_with("a") ? key.find('.') : key.size());
      CHECK(compare_file_keys(before, after) == Keys{expected});
    }
    CHECK(compare_file_keys(before, before).empty());
  }
}

TEST_CASE("pools differ in no key exactly when they are equal, whichever key has another value") {
  const json all = samples();
  for (const auto& sample : all.items()) {
    const std::string& key = sample.key();
    if (key == "name") continue;  // pools of different names are not compared
    CAPTURE(key);
    const auto [before, after] = pair_for(key);
    const bool equal = before.pools[0] == after.pools[0];
    CHECK(compare(before.pools[0], after.pools[0]).any() == !equal);
  }
}

TEST_SUITE_END();

}  // namespace
}  // namespace prefork
