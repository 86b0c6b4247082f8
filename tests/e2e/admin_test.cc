// The admin process: its life, its link and its listening sockets, with a program that does what a test says.
// What the real program serves is tested with it.
#include <doctest/doctest.h>
#include <signal.h>
#include <sys/stat.h>
#include <unistd.h>

#include <atomic>
#include <chrono>
#include <csignal>
#include <cstddef>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include "tests/e2e/with_admin.h"
#include "tests/support/client.h"
#include "tests/support/command.h"
#include "tests/support/contains.h"
#include "tests/support/process_list.h"

using namespace prefork;
using namespace prefork::test;

namespace {

using nlohmann::json;

constexpr const char* kToken = "0123456789abcdef";

/// A file with the token, which others may not read.
std::string write_token(const SupervisorUnderTest& supervisor, const std::string& content,
                        mode_t mode = 0600) {
  const std::string path = supervisor.directory().write("token", content);
  REQUIRE(::chmod(path.c_str(), mode) == 0);
  return path;
}

const std::string kWithToken = std::string(kAdmin) + R"(, "admin_token_file": "token")";

}  // namespace

TEST_CASE("the admin process gets its sockets, a user of its own, and few rights") {
  WithAdmin supervisor(R"("admin": ["127.0.0.1:0", "unix:TEST_DIRECTORY/a"], "agent": "127.0.0.1:0",)"
                       R"("admin_hosts": ["OPS.example.org"])",
                       3);
  const json hello = supervisor.hello();
  CHECK(hello["listen"]["admin"].size() == 2);
  CHECK(hello["listen"]["admin"][0] == supervisor.address(1));
  CHECK(hello["listen"]["agent"] == json::array({supervisor.address(3)}));
  CHECK(hello["listen"]["hosts"] == json::array({"ops.example.org"}));
  CHECK(hello["uid"] != 0);
  CHECK((hello["uid"] == ::geteuid()) == (::geteuid() != 0));
  CHECK(hello["directory"] == "/");
  CHECK(hello["files"][1].get<int>() <= 1300);
  CHECK((hello["groups"].empty() || ::geteuid() != 0));
  CHECK(hello["listens"] == 1);
  // Standard input and output, the link, three listening sockets, the history, the connection and the
  // directory.
  CHECK(hello["descriptors"].size() == 10);
  CHECK(hello["listen"]["history"] == true);
  supervisor.wait_for_log("admin: the stand-in serves");
  CHECK(json::parse(ask("unix:" + supervisor.directory().path() + "/a", "hello\n"))["pid"] == hello["pid"]);
}

TEST_CASE("where root is given up, the admin process can signal neither supervisor nor workers") {
  if (::geteuid() != 0) return;  // there is nothing to give up
  PoolText pool = pool_with(R"("user": "4711", "group": "4712", )" + std::string(kAdmin));
  WithAdmin supervisor(pool, admin_options());
  const pid_t worker = supervisor.wait_for_idle(1).pids().at(0);
  const json hello = supervisor.hello();
  CHECK(hello["uid"].get<int>() > 60'000);
  for (const pid_t other : {supervisor.pid(), worker, supervisor.status().spawners.at(0)})
    CHECK(ask(supervisor.admin(), "signal " + std::to_string(other) + "\n") == "Operation not permitted");
  CHECK(ask(supervisor.admin(), "exit 0\n").empty());
  CHECK(supervisor.hello()["uid"] == hello["uid"]);
  REQUIRE(::kill(supervisor.helper(), SIGSTOP) == 0);
  CHECK(supervisor.stop() == 0);  // it has the right to kill it
}

TEST_CASE("check does not take the running admin process for another server") {
  PoolText pool = pool_with(R"("admin": "unix:TEST_DIRECTORY/a", "agent": "unix:TEST_DIRECTORY/b")");
  pool.command = {"/bin/sleep", "600"};  // check finds it in any PATH
  WithAdmin supervisor(pool, admin_options(2));
  const CommandResult checked = run_supervisor({"check", "-c", supervisor.config_file()});
  CHECK(checked.status == 0);
  CHECK_FALSE(contains(checked.errors, "cannot listen at"));
}

TEST_CASE("FAULTS 433: the admin process dies: clients wait for the next one, and the log has the cause") {
  WithAdmin supervisor;
  const pid_t first = supervisor.helper();
  SUBCASE("it exits") {
    CHECK(ask(supervisor.admin(), "exit 7\n").empty());
    CHECK(supervisor.helper() != first);
    const EventText died = supervisor.wait_for_event("admin_died");
    CHECK(died.number("pid") == first);
    CHECK(died.text("text") == "exited with status 7");
    CHECK(died.list("output").back() == "these are my last words");
    supervisor.wait_for_log("admin process (pid " + std::to_string(first) +
                            "): exited with status 7; the next");
  }
  SUBCASE("it is killed, and so is the spawner") {
    REQUIRE(::kill(supervisor.status().spawners.at(0), SIGKILL) == 0);
    REQUIRE(::kill(first, SIGKILL) == 0);
    CHECK(supervisor.helper() != first);
    CHECK(supervisor.wait_for_event("admin_died").text("text") == "killed by signal 9 (SIGKILL)");
  }
  SUBCASE("it closes its link and stays") {
    CHECK(ask(supervisor.admin(), "close\n").empty());
    CHECK(supervisor.helper() != first);
    CHECK(contains(supervisor.wait_for_event("admin_died").text("text"),
                   "its link to the supervisor has ended"));
  }
  CHECK(supervisor.serves());
}

TEST_CASE("FAULTS 434: an admin process that dies at once is started less and less often") {
  auto how = admin_options();
  how.environment.emplace_back("ADMIN_STAND_IN=3");
  WithAdmin supervisor(pool_with(), how);
  const auto begin = std::chrono::steady_clock::now();
  supervisor.wait_for_log("exited with status 3", 3);
  CHECK(std::chrono::steady_clock::now() - begin < std::chrono::seconds(15));
  CHECK(std::chrono::steady_clock::now() - begin > std::chrono::milliseconds(1400));  // 0.5 s and 1 s
  CHECK(supervisor.serves());
  CHECK(supervisor.stop() == 0);
}

TEST_CASE("FAULTS 439: without the program of the admin process the service goes on, and one line says so") {
  auto how = admin_options();
  how.environment = {"SUPERVISOR_ADMIN_PROGRAM=/missing/supervisor-admin"};
  WithAdmin supervisor(pool_with(), how);
  supervisor.wait_for_log("could not be started: exec /missing/supervisor-admin: No such file or directory");
  (void)supervisor.wait_for_event("admin_died");
  (void)supervisor.wait_for_event("admin_died");
  CHECK(supervisor.count_in_log("could not be started") == 1);
  CHECK(supervisor.serves());
}

TEST_CASE("FAULTS 436: an admin process that floods its link harms nothing") {
  WithAdmin supervisor;
  std::string said;
  SUBCASE("with requests") { said = R"({"jsonrpc":"2.0","id":1,"method":"status"})"; }
  SUBCASE("with garbage") { said = "garbage"; }
  SUBCASE("with long lines") { said = std::string(70'000, 'x'); }
  const pid_t first = supervisor.helper();
  Client client(supervisor.admin());
  client.send("say " + said + " 2000\n");
  for (int i = 0; i < 20; ++i) CHECK(supervisor.serves());
  (void)supervisor.status();
  if (said.size() > 65'536) CHECK(supervisor.helper() != first);
}

TEST_CASE("FAULTS 437: no admin process is left when the supervisor is killed") {
  WithAdmin supervisor;
  const pid_t helper = supervisor.helper();
  supervisor.signal(SIGKILL);
  CHECK(supervisor.await_exit() == -SIGKILL);
  eventually("it is gone", [&] { return !is_alive(helper); });
}

TEST_CASE("FAULTS 441: an upgrade in place starts another admin process; clients wait") {
  WithAdmin supervisor;
  const pid_t first = supervisor.helper();
  bool refused = false;
  std::atomic<bool> done = false;
  const std::string admin = supervisor.admin();
  std::thread client([&] {
    while (!done) refused = refused || !json::accept(ask(admin, "hello\n"));
  });
  supervisor.upgrade();
  eventually("another one serves", [&] { return supervisor.helper() != first; });
  done = true;
  client.join();
  CHECK(supervisor.hello()["listen"]["admin"][0] == admin);
  CHECK(supervisor.status().strangers_reaped == 0);
  eventually("the first is gone", [&] { return !is_alive(first); });
  CHECK_FALSE(refused);
}

TEST_CASE(
    "FAULTS 485: what an admin process leaves, the next one finds, after its end and after an upgrade") {
  WithAdmin supervisor;
  const auto size = supervisor.hello()["history_size"].get<std::uint64_t>();
  CHECK(ask(supervisor.admin(), "leave figures\n").empty());
  CHECK(ask(supervisor.admin(), "exit 0\n").empty());
  CHECK(supervisor.hello()["history"].get<std::string>().starts_with("figures"));
  for (int i = 0; i < 2; ++i) {
    const pid_t before = supervisor.helper();
    supervisor.upgrade();
    eventually("another one serves", [&] { return supervisor.helper() != before; });
    CHECK(supervisor.hello()["history"].get<std::string>().starts_with("figures"));
  }
  for (const std::uint64_t other : {size + 1, size - 1})
    CHECK(ask(supervisor.admin(), "grow " + std::to_string(other) + "\n") == "Operation not permitted");
}

TEST_CASE("without a token the admin process only reads") {
  WithAdmin supervisor;
  CHECK(supervisor.asks("status")["result"]["admin"]["state"] == "running");
  CHECK(supervisor.asks("subscribe")["result"].contains("seq"));
  for (const char* method : {"restart", "scale", "reload", "stop", "reset_failed", "upgrade"}) {
    CAPTURE(method);
    CHECK(supervisor.asks(method, R"({"token": "0123456789abcdef"})")["error"]["code"] == -32001);
  }
}

TEST_CASE("with the token the admin process acts, and the log names its client") {
  PoolText pool = pool_with();
  WithAdmin supervisor(pool, admin_options());
  write_token(supervisor, std::string(kToken) + "\n");
  supervisor.rewrite_config(pool_with(kWithToken));
  supervisor.signal(SIGHUP);
  supervisor.wait_for_log("supervisor: reloaded, admin_token_file");
  const auto with = [](const std::string& token) {
    return R"({"token": ")" + token + R"(", "pool": "main", "client": "127.0.0.1:53422"})";
  };
  CHECK(supervisor.asks("restart", with("0123456789abcdeg"))["error"]["message"] == "the token is wrong");
  supervisor.wait_for_log(
      "restart of pool main, asked for by 127.0.0.1:53422 through the admin page, is refused: the token is "
      "wrong");
  CHECK(supervisor.asks("restart", with(kToken))["result"]["pools"][0] == "main");
  supervisor.wait_for_log("restart of pool main, asked for by 127.0.0.1:53422 through the admin page\n");
  CHECK(supervisor.asks("upgrade", R"({"token": "0123456789abcdef"})")["error"]["code"] == -32001);
  const json reloaded = supervisor.asks("reload", R"({"token": "0123456789abcdef"})");
  CHECK(reloaded["result"]["applied"] == true);
  supervisor.upgrade();
  CHECK(supervisor.asks("restart", with(kToken))["result"]["pools"][0] == "main");
}

TEST_CASE("FAULTS 438: a token file that is no secret is refused at a reload, and nothing changes") {
  WithAdmin supervisor;
  const auto refused = [&](const std::string& why) {
    supervisor.rewrite_config(pool_with(kWithToken));
    supervisor.signal(SIGHUP);
    CHECK_FALSE(supervisor.wait_for_event("reload").flag("applied"));
    supervisor.wait_for_log("/admin_token_file: ");
    supervisor.wait_for_log(why);
  };
  refused("cannot be read");
  write_token(supervisor, std::string(kToken) + "\n", 0604);
  refused("is open to every user; take that permission away: chmod o= FILE");
  write_token(supervisor, "\n");
  refused("is empty");
  write_token(supervisor, "short\n");
  refused("has a token of 5 characters; at least 16 are needed");
  write_token(supervisor, std::string(kToken) + "\n" + kToken + "\n");
  refused("is not one line of printable characters");
  CHECK(supervisor.asks("restart", R"({"token": "0123456789abcdef"})")["error"]["code"] == -32001);
}

TEST_CASE("the admin process lives until all pools have stopped") {
  PoolText pool = pool_with();
  pool.command = scripted(
      {"ready", "recv", "busy", "mark:busy", "gate:go", "write:done", "shutdown", "close", "idle", "loop"});
  WithAdmin supervisor(pool, admin_options());
  Client client(supervisor.address());
  supervisor.gates().wait_for_marks("busy");
  const pid_t helper = supervisor.helper();
  supervisor.signal(SIGTERM);
  eventually("it stops", [&] { return supervisor.status().stopping; });
  SUBCASE("and answers meanwhile") { CHECK(supervisor.asks("status")["result"]["stopping"] == true); }
  SUBCASE("and is replaced meanwhile") {
    REQUIRE(::kill(helper, SIGKILL) == 0);
    CHECK(supervisor.helper() != helper);
  }
  const pid_t last = supervisor.helper();
  supervisor.gates().open_for_good("go");
  CHECK(client.receive() == "done");
  CHECK(supervisor.await_exit() == 0);
  CHECK(supervisor.count_in_log("admin process (pid " + std::to_string(last) + "): ended") == 1);
}

TEST_CASE("an admin process that is stopped does not keep the supervisor from its end") {
  WithAdmin supervisor;
  REQUIRE(::kill(supervisor.helper(), SIGSTOP) == 0);
  CHECK(supervisor.stop() == 0);
}

TEST_CASE("the admin process needs no control socket") {
  PoolText pool = pool_with();
  pool.control = false;
  WithAdmin supervisor(pool, admin_options());
  CHECK(supervisor.asks("status")["result"]["pools"].size() == 1);
  CHECK(supervisor.asks("subscribe", R"({"since": 0})")["result"].contains("seq"));
  supervisor.allow_leftovers();
}
