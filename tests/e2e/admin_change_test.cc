// The admin process at a reload, and one that fails, with a program that does what a test says.
#include <doctest/doctest.h>
#include <signal.h>
#include <unistd.h>

#include <csignal>
#include <nlohmann/json.hpp>
#include <string>

#include "tests/e2e/with_admin.h"
#include "tests/support/client.h"
#include "tests/support/command.h"
#include "tests/support/contains.h"
#include "tests/support/process_list.h"

using namespace prefork;
using namespace prefork::test;
using nlohmann::json;

TEST_CASE("FAULTS 440: an admin address in use is refused at the start and at a reload") {
  WithAdmin first;
  const std::string taken = R"("admin": ")" + first.admin() + '"';
  auto how = admin_options();
  how.await_start = false;
  SupervisorUnderTest second(pool_with(taken).text(), how);
  CHECK(second.await_exit() == 1);
  CHECK(contains(second.log(), "admin: listen " + first.admin() + ": "));

  WithAdmin third;
  const pid_t helper = third.helper();
  third.rewrite_config(pool_with(taken));
  third.signal(SIGHUP);
  third.wait_for_log("reload refused, nothing has changed: admin: listen " + first.admin());
  CHECK(third.helper() == helper);
}

TEST_CASE(
    "FAULTS 501: an admin process that fails is named by health and status; the service counts as well") {
  auto how = admin_options();
  how.environment.emplace_back("ADMIN_STAND_IN=3");
  WithAdmin supervisor(pool_with(), how);
  supervisor.wait_for_log("exited with status 3", 2);
  for (const char* command : {"health", "status"}) {
    const CommandResult said = run_supervisor({command, "--control", supervisor.control()});
    CHECK(said.status == 0);
    CHECK(contains(said.output, "admin process: "));
    CHECK(contains(said.output, "in a row: exited with status 3"));
  }
  const json admin =
      json::parse(run_supervisor({"status", "--json", "--control", supervisor.control()}).output)["admin"];
  CHECK(admin["failures"].get<int>() >= 2);
  CHECK(admin["failure"] == "exited with status 3");
}

TEST_CASE("FAULTS 500: addresses move between a pool and the admin process in one reload; clients wait") {
  WithAdmin supervisor;
  // The kernel has just chosen this port: it is free at other addresses.
  const std::string port = supervisor.address().substr(supervisor.address().rfind(':'));
  std::string one = "127.0.0.2" + port;
  std::string other = "127.0.0.3" + port;
  SUBCASE("ports") {}
  SUBCASE("paths") {
    one = "unix:" + supervisor.directory().path() + "/one";
    other = "unix:" + supervisor.directory().path() + "/other";
  }
  const auto reload = [&](const std::string& pool, const std::string& admin) {
    PoolText text = pool_with(R"("admin": ")" + admin + '"');
    text.listen = {pool};
    supervisor.rewrite_config(text);
    supervisor.signal(SIGHUP);
    CHECK(supervisor.wait_for_event("reload").flag("applied"));
  };
  const auto helper_at = [&](const std::string& address) {
    const json hello = json::parse(ask(address, "hello\n"), nullptr, /*allow_exceptions=*/false);
    return hello.is_object() ? hello["pid"].get<pid_t>() : 0;
  };
  reload(one, other);
  eventually("it listens there", [&] { return helper_at(other) != 0; });
  const pid_t before = helper_at(other);
  REQUIRE(::kill(before, SIGSTOP) == 0);
  Client waiting(other);
  reload(other, one);
  waiting.send("hello");
  waiting.finish();
  CHECK(waiting.receive() == "hello");
  CHECK(ask(other, "hello") == "hello");
  CHECK(helper_at(one) != before);
  CHECK_FALSE(is_alive(before));  // it still had the socket
  reload(one, other);
  CHECK(ask(one, "hello") == "hello");
  CHECK(helper_at(other) != 0);
}

TEST_CASE("a reload adds, changes and removes the admin process") {
  WithAdmin supervisor("\"log\": {}", 0);
  supervisor.rewrite_config(pool_with());
  supervisor.signal(SIGHUP);
  supervisor.wait_for_log("admin: listening on ");
  const pid_t helper = supervisor.helper();

  supervisor.rewrite_config(
      pool_with(std::string(kAdmin) + R"(, "agent": "127.0.0.1:0", "admin_hosts": ["a"])"));
  supervisor.signal(SIGHUP);
  eventually("it is told", [&] { return supervisor.hello()["listens"] == 2; });
  const json hello = supervisor.hello();
  CHECK(hello["pid"] == helper);
  CHECK(hello["listen"]["admin"][0] == supervisor.admin());
  CHECK(hello["listen"]["agent"].size() == 1);
  CHECK(hello["listen"]["hosts"] == json::array({"a"}));
  CHECK(json::parse(ask(hello["listen"]["agent"][0].get<std::string>(), "hello\n"))["pid"] == helper);

  supervisor.rewrite_config(pool_with("\"log\": {}"));
  supervisor.signal(SIGHUP);
  supervisor.wait_for_log("admin process (pid " + std::to_string(helper) + "): ended");
  CHECK(supervisor.events("admin_died").empty());
  CHECK(supervisor.serves());
}
