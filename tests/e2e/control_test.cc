// The control socket: which clients may connect, what it does, and that none of them can harm the service.
#include <doctest/doctest.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <string>
#include <vector>

#include "tests/support/client.h"
#include "tests/support/command.h"
#include "tests/support/contains.h"
#include "tests/support/supervisor_under_test.h"

using namespace prefork;
using namespace prefork::test;

namespace {

const std::string kStatus = "{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"status\"}\n";

std::string request(const std::string& method, const std::string& parameters = "{}") {
  return R"({"jsonrpc":"2.0","id":1,"method":")" + method + R"(","params":)" + parameters + "}\n";
}

/// What the client gets next, which is one line.
std::string line_from(Client& client) {
  std::string line;
  while (!line.ends_with('\n')) {
    const std::string next = client.receive_some();
    if (next.empty()) FAIL("the connection ended after: ", line);
    line += next;
  }
  return line;
}

mode_t mode_of(const std::string& path) {
  struct stat status {};
  return ::lstat(path.c_str(), &status) == 0 ? status.st_mode & 07777U : 0;
}

bool serves(SupervisorUnderTest& supervisor) { return ask(supervisor.address(), "hello") == "hello"; }

/// What user `uid` is answered at the control socket; runs in a process of its own.
std::string asked_as(uid_t uid, const std::string& path) {
  int ends[2];
  REQUIRE(::pipe(ends) == 0);
  const pid_t child = ::fork();
  if (child == 0) {
    if (::setgid(uid) != 0 || ::setuid(uid) != 0) ::_exit(1);
    Client client("unix:" + path);
    client.send(kStatus);
    const std::string answer = client.receive();
    (void)!::write(ends[1], answer.data(), answer.size());
    ::_exit(0);
  }
  const Fd out(ends[0]);
  { const Fd ours(ends[1]); }
  REQUIRE(::waitpid(child, nullptr, 0) == child);
  std::string answer(4096, '\0');
  const ssize_t size = ::read(out.get(), answer.data(), answer.size());
  answer.resize(size < 0 ? 0 : static_cast<std::size_t>(size));
  return answer;
}

}  // namespace

TEST_CASE("the control socket is its owner's alone, and gone with the supervisor") {
  SupervisorUnderTest supervisor(PoolText{});
  CHECK(mode_of(supervisor.control()) == 0600);
  Client client("unix:" + supervisor.control());
  client.send(kStatus);
  CHECK(contains(line_from(client), R"("pid":)" + std::to_string(supervisor.pid())));
  CHECK(supervisor.stop() == 0);
  CHECK(mode_of(supervisor.control()) == 0);
}

TEST_CASE("a stale control socket is taken over, one that is in use is refused") {
  SupervisorUnderTest first(PoolText{});
  const std::string path = first.control();
  const std::string text = PoolText{.control = false, .more = R"("control": ")" + path + '"'}.text();
  SupervisorUnderTest second(text, {.await_start = false});
  second.wait_for_log("control socket: listen unix:" + path + ": Address already in use");
  CHECK(second.await_exit() == 1);
  CHECK(serves(first));
  first.allow_leftovers();
  first.signal(SIGKILL);
  CHECK(first.await_exit() == -SIGKILL);
  CHECK(mode_of(path) != 0);
  SupervisorUnderTest third(text, {.control = path});
  third.wait_for_idle(1);
  CHECK(run_supervisor({"health", "--control", path}).status == 0);
  CHECK(third.stop() == 0);
  CHECK(mode_of(path) == 0);
}

TEST_CASE("a reload moves the control socket, and the connections to it stay") {
  PoolText pool;
  SupervisorUnderTest supervisor(pool);
  Client client("unix:" + supervisor.control());
  const std::string elsewhere = supervisor.directory().at("elsewhere.sock");
  supervisor.rewrite_config(PoolText{.control = false, .more = R"("control": ")" + elsewhere + '"'});
  client.send(request("reload"));
  CHECK(contains(line_from(client), "control socket at " + elsewhere));
  CHECK(mode_of(supervisor.control()) == 0);
  CHECK(mode_of(elsewhere) == 0600);
  client.send(kStatus);
  CHECK(contains(line_from(client), R"("pools":)"));

  supervisor.rewrite_config(
      PoolText{.workers = 3, .control = false, .more = R"("control": "/no/such/directory/c.sock")"});
  client.send(request("reload"));
  const std::string verdict = line_from(client);
  CHECK(contains(verdict, R"("applied":false)"));
  CHECK(contains(verdict, "/no/such/directory"));
  CHECK(mode_of(elsewhere) == 0600);
  supervisor.wait_for_idle(1);

  supervisor.rewrite_config(PoolText{.control = false, .more = R"("control": false)"});
  client.send(request("reload"));
  CHECK(contains(line_from(client), "control socket closed"));
  CHECK(mode_of(elsewhere) == 0);
  client.close();
}

TEST_CASE("FAULTS 67: a user that is neither root nor the supervisor's own is refused") {
  if (::geteuid() != 0) return;  // only root can become another user
  SupervisorUnderTest supervisor(PoolText{});
  constexpr uid_t kNobody = 65534;
  REQUIRE(::chmod(supervisor.directory().path().c_str(), 0755) == 0);
  REQUIRE(::chmod(supervisor.control().c_str(), 0666) == 0);
  const std::string answer = asked_as(kNobody, supervisor.control());
  CHECK(contains(answer, R"("code":-32001)"));
  CHECK(contains(answer, "user 65534 may not control this supervisor"));
  CHECK(answer.find("pools") == std::string::npos);
  supervisor.wait_for_log("a client is refused: user 65534");
  CHECK(serves(supervisor));
}

TEST_CASE("FAULTS 67: a line of a megabyte is refused, and its sender closed") {
  SupervisorUnderTest supervisor(PoolText{});
  for (const std::string& end : {std::string(), std::string("\n")}) {
    Client client("unix:" + supervisor.control());
    client.send(std::string(std::size_t{1} << 20, 'x') + end);
    CHECK(contains(client.receive(), R"("code":-32600)"));
  }
  Client client("unix:" + supervisor.control());
  client.send("\n\xff\n[]\n" + kStatus);
  std::string answers;
  while (answers.find(R"("result":)") == std::string::npos) answers += line_from(client);
  CHECK(contains(answers, R"("code":-32700)"));
  CHECK(contains(answers, "batches are not supported"));
  CHECK(serves(supervisor));
}

TEST_CASE(
    "FAULTS 116: answers that are made in pieces are whole and in order, and no event stands inside one") {
  constexpr unsigned kWorkers = 70;
  SupervisorUnderTest supervisor({.workers = kWorkers});
  supervisor.wait_for_idle(kWorkers);
  Client client("unix:" + supervisor.control());
  client.send(request("subscribe"));
  Client other("unix:" + supervisor.control());
  other.send(request("restart"));
  std::string requests;
  for (int i = 0; i < 5; ++i) requests += kStatus + request("status", R"({"format":"table"})");
  client.send(requests);
  std::size_t answers = 0;
  std::string text;
  while (answers < 11) {
    text += line_from(client);
    for (std::size_t end = 0; (end = text.find('\n')) != std::string::npos; text.erase(0, end + 1)) {
      const std::string line = text.substr(0, end);
      CHECK(line.rfind(R"({"jsonrpc":"2.0",)") == 0);
      CHECK(line.ends_with("}}"));
      if (line.find(R"("result":)") == std::string::npos) continue;
      const std::string begin = answers == 0       ? R"("result":{"seq":)"
                                : answers % 2 == 1 ? R"("result":{"version":)"
                                                   : R"("result":{"lines":["supervisor )";
      CHECK(contains(line, begin));
      ++answers;
    }
  }
  CHECK(line_from(other).ends_with("}\n"));
  supervisor.signal(SIGUSR1);
  supervisor.wait_for_log("scoreboard");
}

TEST_CASE("FAULTS 67: a client that asks and does not read is closed") {
  SupervisorUnderTest supervisor(PoolText{});
  Client client("unix:" + supervisor.control());
  for (int i = 0; i < 5000; ++i) client.send(kStatus);
  const std::string got = client.receive();
  CHECK(client.end() != Client::End::kNone);
  CHECK(got.starts_with(R"({"jsonrpc":"2.0","id":1,"result":)"));
  CHECK(got.size() < std::size_t{2} << 20);
  CHECK(serves(supervisor));
}

TEST_CASE("FAULTS 67: a subscriber that does not read is closed, and the others go on") {
  SupervisorUnderTest supervisor(PoolText{});
  supervisor.wait_for_event("worker_ready");
  Client silent("unix:" + supervisor.control());
  silent.send(request("subscribe"));
  std::string broken = R"({"environment": {)";
  for (int i = 0; i < 60; ++i)
    broken += (i == 0 ? "\"K" : ", \"K") + std::string(200, 'x') + std::to_string(i) + "\": 1";
  supervisor.rewrite_config(broken + "}}");
  Client client("unix:" + supervisor.control());
  for (int i = 0; i < 120; ++i) {
    client.send(request("reload"));
    (void)line_from(client);
  }
  CHECK(silent.receive().size() < std::size_t{2} << 20);
  CHECK(serves(supervisor));
}

TEST_CASE("FAULTS 67: of a thousand clients 64 are let in, and when they have gone there is room again") {
  rlimit limit{};
  REQUIRE(::getrlimit(RLIMIT_NOFILE, &limit) == 0);
  limit.rlim_cur = std::min<rlim_t>(limit.rlim_max, 4096);
  REQUIRE(::setrlimit(RLIMIT_NOFILE, &limit) == 0);
  SupervisorUnderTest supervisor(PoolText{});
  supervisor.wait_for_idle(1);
  const std::size_t before = descriptors_of(supervisor.pid());
  constexpr std::size_t kOthers = 63;  // the harness is one of them
  {
    std::vector<Client> clients;
    for (int i = 0; i < 1000; ++i) clients.emplace_back("unix:" + supervisor.control());
    for (std::size_t i = kOthers; i < clients.size(); ++i)
      REQUIRE(clients[i].receive().find(R"("code":-32002)") != std::string::npos);
    for (std::size_t i = 0; i < kOthers; ++i) {
      clients[i].send(kStatus);
      REQUIRE(line_from(clients[i]).find("pools") != std::string::npos);
    }
    CHECK(descriptors_of(supervisor.pid()) == before + kOthers);
    const CommandResult late = run_supervisor({"status", "--control", supervisor.control()});
    CHECK(late.status == 1);
    CHECK(contains(late.errors, "64 clients are connected already"));
    CHECK(serves(supervisor));
  }
  eventually("they are gone", [&] { return descriptors_of(supervisor.pid()) == before; });
  CHECK(run_supervisor({"status", "--control", supervisor.control()}).status == 0);
}
