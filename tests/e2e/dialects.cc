#include "tests/e2e/dialects.h"

#include <doctest/doctest.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <csignal>
#include <cstddef>
#include <fstream>
#include <iterator>
#include <sstream>
#include <utility>

#include "proto/record.h"
#include "tests/support/process_list.h"

namespace prefork::test {
namespace {

const std::string kRoot = SOURCE_ROOT;
const char* const kPython = "/usr/bin/python3";
const char* const kNode = "/usr/bin/node";

PoolText of(std::vector<std::string> command, const std::string& more = "") {
  return {.command = std::move(command), .more = more};
}

std::vector<Dialect> all_dialects() {
  using Channel = Dialect::Channel;
  const bool python = ::access(kPython, X_OK) == 0;
  const bool node = ::access(kNode, X_OK) == 0;
  if (!python || !node) MESSAGE("skipped: the dialects whose interpreters are not installed");
  return {
      {"native", Channel::kRecords, of({"dialect-native", "native"}), true},
      {"python", Channel::kRecords,
       of({kPython, kRoot + "/tests/support/dialect_server.py", "python"},
          R"("environment": {"PYTHONPATH": ")" + kRoot +
              R"(/worker/python", "PYTHONDONTWRITEBYTECODE": "1"})"),
       python},
      {"inetd", Channel::kRecords,
       of({"supervisor-worker", "inetd", "--", "dialect-server", "inetd", "inetd"}), true},
      {"accept", Channel::kRecords, of({"dialect-server", "accept", "accept"}, R"("protocol": "accept")"),
       true},
      {"accept-notify", Channel::kRecords,
       of({"dialect-static", "accept", "accept-notify"}, R"("protocol": "accept-notify")"), true},
      {"node", Channel::kLines,
       of({kNode, kRoot + "/tests/node/programs/dialect_server.js", "node"}, R"("protocol": "node")"), node},
      {"classic", Channel::kInts, of({"dialect-server", "classic", "classic"}, R"("protocol": "classic")"),
       true},
  };
}

/// The rows `| number | dialects | reason |` of docs/faults.md: whether one excepts this promise for this
/// dialect.
bool excepted(int row, const std::string& dialect) {
  static const std::string kText = [] {
    std::ifstream in(kRoot + "/docs/faults.md");
    return std::string(std::istreambuf_iterator<char>(in), {});
  }();
  std::istringstream lines(kText.substr(kText.find("| not for |")));
  for (std::string line; std::getline(lines, line);) {
    std::istringstream cells(line);
    std::string cell;
    std::vector<std::string> found;
    while (std::getline(cells, cell, '|')) found.push_back(cell);
    if (found.size() < 4 || found[1] != ' ' + std::to_string(row) + ' ') continue;
    std::string names = ',' + found[2];
    names.erase(std::remove(names.begin(), names.end(), ' '), names.end());
    return (names + ',').find(',' + dialect + ',') != std::string::npos;
  }
  return false;
}

std::string bytes_of(const Record& record) {
  std::array<std::byte, kRecordSize> bytes{};
  encode(record, bytes);
  return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}

std::string bytes_of(int value) { return {reinterpret_cast<const char*>(&value), sizeof(value)}; }

bool is_idle(const PoolTable& pool, std::size_t workers) { return pool.count("idle") == workers; }

}  // namespace

const std::vector<Dialect>& dialects() {
  static const std::vector<Dialect> kAll = all_dialects();
  return kAll;
}

std::vector<Dialect> dialects_of(const std::vector<int>& rows) {
  std::vector<Dialect> fitting;
  for (const Dialect& dialect : dialects()) {
    const bool fits =
        std::none_of(rows.begin(), rows.end(), [&](int row) { return excepted(row, dialect.name); });
    if (fits && dialect.installed) fitting.push_back(dialect);
  }
  return fitting;
}

PoolText pool_of(const Dialect& dialect, const Setting& setting) {
  PoolText pool = dialect.pool;
  pool.workers = setting.workers;
  if (!setting.command.empty()) pool.command = setting.command;
  const bool has_receipt = dialect.channel != Dialect::Channel::kInts;
  const std::string quick = R"("restart": {"backoff_min": ")" + setting.backoff + "\"}";
  const std::string hold = has_receipt ? R"("hold": ")" + setting.hold + '"' : "";
  for (const std::string& more : {quick, hold, setting.more}) {
    if (!more.empty()) pool.more += (pool.more.empty() ? "" : ", ") + more;
  }
  return pool;
}

std::string pools_of(const std::vector<Dialect>& dialects, const Setting& setting) {
  std::vector<std::pair<std::string, PoolText>> pools;
  for (const Dialect& dialect : dialects) pools.emplace_back(dialect.name, pool_of(dialect, setting));
  return pools_text(pools);
}

std::vector<Scene> scenes_of(SupervisorUnderTest& supervisor, const std::vector<Dialect>& dialects) {
  std::vector<Scene> scenes;
  for (std::size_t i = 0; i < dialects.size(); ++i)
    scenes.emplace_back(supervisor, dialects[i], supervisor.address(i));
  return scenes;
}

void in_each_dialect(const std::vector<int>& rows, const Setting& setting,
                     const std::function<void(const Scene&)>& play) {
  const std::vector<Dialect> fitting = dialects_of(rows);
  SupervisorUnderTest supervisor(pools_of(fitting, setting), {.listeners = fitting.size()});
  for (const Scene& scene : scenes_of(supervisor, fitting)) {
    const std::string& dialect = scene.dialect().name;
    CAPTURE(dialect);
    if (setting.idle)
      scene.wait_for_pool("all are idle",
                          [&](const PoolTable& now) { return is_idle(now, setting.workers); });
    play(scene);
  }
}

pid_t Scene::worker(std::string_view state) const {
  const PoolTable now = wait_for_pool("a worker is " + std::string(state),
                                      [&](const PoolTable& pool) { return pool.count(state) > 0; });
  for (const WorkerText& worker : now.workers) {
    if (worker.state == state) return worker.pid;
  }
  return 0;
}

pid_t Scene::speaker(pid_t worker) const {
  if (dialect_.name != "accept-notify") return worker;
  const std::vector<ProcessStat> children = children_of(worker);
  REQUIRE(children.size() == 1);
  return children.front().pid;
}

Client Scene::begun() const {
  const std::uint64_t before = pool()["begun"];
  Client client(address_);
  wait_for_pool("it is begun", [before](const PoolTable& now) { return now["begun"] == before + 1; });
  return client;
}

PoolTable Scene::check_served(std::uint64_t count) const {
  PoolTable now = wait_for_pool(std::to_string(count) + " are served",
                                [count](const PoolTable& pool) { return pool["served"] == count; });
  CHECK(now["lost"] == 0);
  return now;
}

void kill_at_once(pid_t pid) {
  REQUIRE(::kill(pid, SIGKILL) == 0);
  eventually("it is dead", [pid] { return !is_alive(pid); });
}

void check_answered(Client& client) {
  CHECK(client.receive(3) == "OK ");
  client.close();
}

void Scene::check_serves() const { CHECK(ask(address_, "hello\n").starts_with("OK ")); }

std::string Scene::misfit() const {
  switch (dialect_.channel) {
    case Dialect::Channel::kRecords: return bytes_of(Record{.kind = RecordKind::kIdle, .ticket = 999});
    case Dialect::Channel::kInts: return bytes_of(0);
    case Dialect::Channel::kLines:
      return R"({"cmd":"PREFORK","act":"idle","ticket":"999"})"
             "\n";
  }
  return {};
}

std::string Scene::harmless() const {
  switch (dialect_.channel) {
    case Dialect::Channel::kRecords: return bytes_of(Record{.kind = RecordKind::kLoad, .value = 1});
    case Dialect::Channel::kInts: return {};
    case Dialect::Channel::kLines: return "\"x\"\n";
  }
  return {};
}

}  // namespace prefork::test
