#include "tests/support/status_text.h"

#include <doctest/doctest.h>

#include <algorithm>
#include <nlohmann/json.hpp>
#include <utility>

namespace prefork::test {
namespace {

using nlohmann::json;

WorkerText read_worker(const json& from) {
  WorkerText worker;
  worker.number = from["worker"].get<std::uint64_t>();
  worker.pid = from["pid"].get<pid_t>();
  worker.state = from["role"] == "template" ? "template" : from["state"].get<std::string>();
  worker.load = from["load"].get<std::uint64_t>();
  worker.slots = from["slots"].get<std::uint64_t>();
  worker.served = from["served"].get<std::uint64_t>();
  worker.generation = from["generation"].get<std::uint64_t>();
  worker.restarts = from["restarts"].get<std::uint64_t>();
  worker.in_state = std::chrono::duration<double, std::milli>(from["in_state_ms"].get<double>());
  worker.note = from["note"].get<std::string>();
  return worker;
}

PoolTable read_pool(const json& from) {
  PoolTable pool;
  pool.name = from["name"].get<std::string>();
  pool.state = from["state"].get<std::string>();
  pool.saturated = from["saturated"].get<bool>();
  pool.listeners = from["listeners"].size();
  for (const json& listener : from["listeners"]) {
    pool.paused = pool.paused || listener["paused"].get<bool>();
    if (listener["address"].get<std::string>().starts_with("unix:/")) ++pool.listener_files;
  }
  for (const json& worker : from["workers"]) pool.workers.push_back(read_worker(worker));
  for (const auto& [name, value] : from["counters"].items()) pool.numbers[name] = value.get<std::uint64_t>();
  pool.numbers["parked so far"] = pool.numbers["parked"];
  const std::pair<const char*, const json&> now[] = {
      {"with workers", from["with_workers"]},     {"workers", from["ready"]},
      {"configured", from["configured"]},         {"generation", from["generation"]},
      {"queue: now", from["queue"]["now"]},       {"queue: most", from["queue"]["most"]},
      {"lobby: silent", from["lobby"]["silent"]}, {"parked", from["lobby"]["parked"]}};
  for (const auto& [label, value] : now) pool.numbers[label] = value.get<std::uint64_t>();
  return pool;
}

}  // namespace

std::uint64_t PoolTable::operator[](std::string_view label) const {
  const auto found = numbers.find(label);
  if (found == numbers.end()) FAIL("the status has no ", std::string(label));
  return found->second;
}

std::size_t PoolTable::count(std::string_view wanted) const {
  return static_cast<std::size_t>(std::count_if(
      workers.begin(), workers.end(), [&](const WorkerText& worker) { return worker.state == wanted; }));
}

std::vector<pid_t> PoolTable::pids() const {
  std::vector<pid_t> pids;
  for (const WorkerText& worker : workers) pids.push_back(worker.pid);
  return pids;
}

const PoolTable& StatusText::pool(std::string_view name) const {
  const auto found =
      std::find_if(pools.begin(), pools.end(), [&](const PoolTable& pool) { return pool.name == name; });
  REQUIRE(found != pools.end());
  return *found;
}

StatusText read_status(const std::string& text) {
  const json from = json::parse(text);
  StatusText status;
  status.pid = from["pid"].get<pid_t>();
  if (const json& admin = from["admin"]; !admin.is_null()) {
    status.admin_descriptors = 3;
    for (const char* key : {"addresses", "agent"}) {
      for (const json& address : admin[key])  // the supervisor holds the file of a unix socket open
        status.admin_descriptors += address.get<std::string>().starts_with("unix:") ? 2U : 1U;
    }
  }
  status.stopping = from["stopping"].get<bool>();
  status.strangers_reaped = from["strangers_reaped"].get<std::uint64_t>();
  for (const json& pid : from["spawners"]) status.spawners.push_back(pid.get<pid_t>());
  if (!from["seccomp_from"].is_null()) status.seccomp_from = from["seccomp_from"].get<int>();
  for (const json& pool : from["pools"]) status.pools.push_back(read_pool(pool));
  return status;
}

}  // namespace prefork::test
