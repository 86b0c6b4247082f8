#include "config/load.h"

#include <doctest/doctest.h>
#include <grp.h>
#include <pwd.h>
#include <sys/resource.h>

#include "config/cpu_count.h"
#include "config/program.h"
#include "tests/config/parse.h"

namespace prefork {
namespace {

using namespace std::chrono_literals;

ListenAddress tcp(const std::string& host, std::uint16_t port) {
  ListenAddress address;
  address.host = host;
  address.port = port;
  return address;
}

ListenAddress unix_socket(ListenAddress::Kind kind, const std::string& path) {
  ListenAddress address;
  address.kind = kind;
  address.path = path;
  return address;
}

TEST_SUITE_BEGIN("load");

TEST_CASE("the smallest file makes one pool with the defaults") {
  const Config config = parsed(R"({"listen": "127.0.0.1:8080", "command": ["true", "http"], "workers": 4})");
  REQUIRE(config.pools.size() == 1);
  PoolConfig expected;
  expected.name = "main";
  expected.listen = {tcp("127.0.0.1", 8080)};
  expected.command = {"true", "http"};
  expected.executable = "/usr/bin/true";
  expected.pinned = pin_program("/usr/bin/true", "");
  expected.workers = 4;
  CHECK(config.pools.front() == expected);
  CHECK(config == Config{{"main", LogLevel::kInfo, 30s}, {expected}});
}

TEST_CASE("every key reaches the configuration") {
  const Config config = parsed(R"({
    "$schema": "pool.schema.json",
    "name": "shop",  // also the pool's
    "log": {"level": "debug"},
    "stop_delay": "20s",
    "stop_timeout": "1m",
    "listen": [":80", {"address": "unix:/run/shop.sock", "backlog": 7, "mode": "0660", "owner": "root", "group": "0"},
               {"address": "[::0001]:81", "reuse_port": true, "proxy_protocol": true}, "unix:@shop"],
    "command": ["/bin/true", "a b", ""],
    "start": "fork", "protocol": "native", "workers": 0, "connections_per_worker": 8,
    "prefer": "warmest", "hold": "done",
    "connections_per_address": 16, "wait_for_data": true, "first_byte_timeout": "12s",
    "keep_alive": {"park": true, "idle_timeout": "13s", "max": 14},
    "queue": {"max": 9, "timeout": "500ms", "order": "adaptive", "fairness": "address", "target": "15ms",
              "half_closed": "serve", "full": "reject", "reject_with": "busy\n\u0000"},
    "health": {"start_timeout": "1s", "receipt_timeout": "2s", "kill_timeout": "3s",
               "busy_timeout": "1m", "ping_interval": "2m", "ping_timeout": "3m", "kill_signal": "ABRT"},
    "restart": {"backoff_min": "4s", "backoff_max": "4s"},
    "recycle": {"connections": 5, "jitter": 6, "age": "7h", "rss": "8MiB", "at_once": 9},
    "probation": {"time": "10s", "connections": 11}, "crash_reply": "sorry\n",
    "directory": "/", "environment": {"LANG": "C", "EMPTY": ""},
    "scheduling": "normal", "user": "nobody", "group": "daemon", "umask": "0077", "nice": 7,
    "limits": {"core": 0}, "oom_score_adj": -5, "output": "inherit"
  })");
  PoolConfig expected;
  expected.name = "shop";
  expected.listen = {tcp("", 80), unix_socket(ListenAddress::Kind::kUnixPath, "/run/shop.sock"),
                     tcp("::1", 81), unix_socket(ListenAddress::Kind::kUnixAbstract, "shop")};
  expected.listen[1].backlog = 7;
  expected.listen[1].mode = 0660;
  expected.listen[1].owner = "root";
  expected.listen[1].group = "0";
  expected.listen[1].answers = {{}, 0, 0};
  expected.listen[2].reuse_port = true;
  expected.listen[2].proxy_protocol = true;
  expected.command = {"/bin/true", "a b", ""};
  expected.executable = "/bin/true";
  expected.pinned = pin_program("/bin/true", "/");
  expected.start = StartForm::kFork;
  expected.workers = 0;
  expected.connections_per_worker = 8;
  expected.prefer = Prefer::kWarmest;
  expected.hold = Hold::kDone;
  expected.scheduling = Scheduling::kNormal;
  expected.connections_per_address = 16;
  expected.wait_for_data = true;
  expected.first_byte_timeout = 12s;
  expected.keep_alive = {true, 13s, 14};
  expected.queue = {9,
                    500ms,
                    QueueOrder::kAdaptive,
                    QueueFairness::kAddress,
                    15ms,
                    HalfClosed::kServe,
                    QueueFull::kReject,
                    std::string("busy\n\0", 6)};
  expected.health = {1s, 2s, 3s, 1min, 2min, 3min, KillSignal::kAbort};
  expected.recycle = {5, 6, 7h, std::uint64_t{8} << 20U, 9};
  expected.probation = {10s, 11};
  expected.crash_reply = "sorry\n";
  expected.restart = {4s, 4s};
  expected.directory = "/";
  expected.environment = {{"LANG", "C"}, {"EMPTY", ""}};
  const std::uint32_t gid = ::getgrnam("daemon")->gr_gid;
  expected.process = {"nobody",    "daemon", Identity{::getpwnam("nobody")->pw_uid, gid, {gid}},
                      mode_t{077}, 7,        {{RLIMIT_CORE, "core", 0, 0}},
                      -5};
  const passwd* nobody = ::getpwnam("nobody");
  expected.process.account = {"nobody", nobody->pw_dir, nobody->pw_shell};
  expected.output = Output::kInherit;
  CHECK(config == Config{{"shop", LogLevel::kDebug, 1min, 20s}, {expected}});
}

TEST_CASE("text that was accepted before is read without the schema, with the same result") {
  const std::string text =
      pool_with(R"("workers": {"max": 9}, "queue": {"timeout": "5s"}, "recycle": {"rss": "1MiB"})");
  const auto again = read_in_force({text, nullptr, /*examined=*/true}, "pool.json", system_programs());
  CHECK(again.mistakes.empty());
  const auto once = parse_config(text, "pool.json", system_programs());
  CHECK(again.config == std::get<Config>(once));
}

TEST_CASE("FAULTS 94: a text in force is read with what the machine answered, and the machine is not asked") {
  const std::string text =
      R"({"listen": {"address": "unix:/no/such/directory/x", "owner": "no-such-user"}, "command": ["gone"],
          "directory": "/no/such/directory", "user": "no-such-user", "supervisor_user": "no-such-user"})";
  MachineAnswers answers{
      Identity{7, 8, {}},
      {{"main", "/srv/gone", Identity{4, 5, {5, 6}}, 77, {"shop", "/srv/shop", "/bin/sh"}, {}, {{{}, 9}}}}};
  const auto read = read_in_force({text, &answers}, "pool.json", system_programs());
  for (const ConfigProblem& mistake : read.mistakes) FAIL_CHECK(mistake.message());
  const PoolConfig& pool = read.config.pools.front();
  CHECK(read.config.supervisor_identity == answers.supervisor_identity);
  CHECK(pool.executable == "/srv/gone");
  CHECK(pool.process.identity == Identity{4, 5, {5, 6}});
  CHECK(pool.process.account == Account{"shop", "/srv/shop", "/bin/sh"});
  CHECK(pool.workers == 77);
  CHECK(pool.directory == "/no/such/directory");
  REQUIRE(pool.listen.size() == 1);
  CHECK(pool.listen.front().answers == ListenAnswers{{}, 9});
}

TEST_CASE("a text in force is read as far as possible in spite of mistakes, which are told") {
  const std::string text = R"({"listen": "127.0.0.1:0", "command": ["gone"], "queue": {"max": -1}})";
  const auto read = read_in_force({text, nullptr}, "pool.json", system_programs());
  CHECK(read.mistakes.size() == 2);
  CHECK(read.config.pools.front().listen.size() == 1);
  CHECK(read.config.text == text);
}

TEST_CASE("an elastic number of workers is read with its defaults") {
  const PoolConfig all =
      parsed(
          pool_with(R"("workers": {"min": 2, "max": 9, "spare": 3, "spawn_rate": 4, "idle_timeout": "5s"})"))
          .pools.front();
  CHECK(all.workers == 9);
  CHECK(all.elastic == ElasticConfig{2, 3, 4, 5s});
  CHECK(parsed(pool_with(R"("workers": {"max": 9})")).pools.front().elastic == ElasticConfig{});
  // With a minimum of 0 no spare worker waits for a client that may never come.
  CHECK(parsed(pool_with(R"("workers": {"min": 0, "max": 9})")).pools.front().elastic->spare == 0);
}

TEST_CASE("several pools keep the order of the file and the names of their keys") {
  const Config config = parsed(R"({"name": "all", "pools": {
    "web": {"listen": ":8080", "command": ["true"]},
    "api": {"listen": ":8081", "command": ["true"]}}})");
  REQUIRE(config.pools.size() == 2);
  CHECK(config.name == "all");
  CHECK(config.pools[0].name == "web");
  CHECK(config.pools[1].name == "api");
}

TEST_CASE("without `workers` a pool has one worker for each CPU that the supervisor may use") {
  CHECK(parsed(pool_with("")).pools.front().workers == available_cpus());
}

TEST_CASE("durations have a unit") {
  CHECK(parsed(pool_with(R"("stop_timeout": "1ms")")).stop_timeout == 1ms);
  CHECK(parsed(pool_with(R"("stop_timeout": "86400s")")).stop_timeout == 24h);
  CHECK(parsed(pool_with(R"("stop_timeout": "5m")")).stop_timeout == 5min);
  CHECK(parsed(pool_with(R"("stop_timeout": "24h")")).stop_timeout == 24h);
}

TEST_CASE("a delay of nothing is the same as none") {
  for (const char* none : {"0s", "0ms", "0h"})
    CHECK(parsed(pool_with(R"("stop_delay": ")" + std::string(none) + '"')) == parsed(pool_with("")));
}

TEST_CASE("comments and a byte order mark are allowed") {
  CHECK(mistakes("\xEF\xBB\xBF// first\n" + pool_with("/* inside */ \"workers\": 1") + "\n// last").empty());
}

TEST_CASE("two listeners whose port the kernel chooses do not collide") {
  CHECK(mistakes(R"({"listen": ["127.0.0.1:0", "127.0.0.1:0"], "command": ["true"]})").empty());
}

TEST_SUITE_END();

}  // namespace
}  // namespace prefork
