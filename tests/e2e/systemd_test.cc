// What systemd is told, the sockets that it hands over, and the units of docs/deploy.
#include <arpa/inet.h>
#include <doctest/doctest.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <array>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <fstream>
#include <iterator>
#include <string>
#include <vector>

#include "proto/fd.h"
#include "tests/support/client.h"
#include "tests/support/supervisor_under_test.h"

using namespace prefork;
using namespace prefork::test;

namespace {

/// The socket of a .socket unit: the supervisors that serve it come and go.
struct Holder {
  Holder() : socket(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)) {
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    socklen_t size = sizeof(address);
    REQUIRE(::bind(socket.get(), reinterpret_cast<sockaddr*>(&address), size) == 0);
    REQUIRE(::listen(socket.get(), 64) == 0);
    REQUIRE(::getsockname(socket.get(), reinterpret_cast<sockaddr*>(&address), &size) == 0);
    name = "127.0.0.1:" + std::to_string(ntohs(address.sin_port));
  }
  /// Hands it over as systemd does: descriptor 3 and up, named in the environment.
  [[nodiscard]] SupervisorUnderTest::Options options(bool await_start = true) const {
    SupervisorUnderTest::Options options;
    options.await_start = await_start;
    options.handed_over = 1;
    const int descriptor = socket.get();
    options.in_child = [descriptor] {
      (void)::dup2(descriptor, 3);
      (void)::fcntl(3, F_SETFD, 0);  // should it be 3 already
      (void)::setenv("LISTEN_PID", std::to_string(::getpid()).c_str(), 1);
      (void)::setenv("LISTEN_FDS", "1", 1);
      (void)::setenv("LISTEN_FDNAMES", "web", 1);
    };
    return options;
  }
  Fd socket;
  std::string name;
};

std::string file(const std::string& listen) {
  return R"({"listen": ")" + listen + R"(", "command": ["supervisor-worker", "echo"], "workers": 1, )" +
         kWithControl + "}";
}

/// Where notifications go.
struct Listener {
  explicit Listener(const std::string& path) : socket(::socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0)) {
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    REQUIRE(path.size() < sizeof(address.sun_path));
    std::strcpy(address.sun_path, path.c_str());
    REQUIRE(::bind(socket.get(), reinterpret_cast<sockaddr*>(&address), sizeof(address)) == 0);
  }
  /// Waits until a notification has this assignment; the notification. With `none`: none before has that one.
  std::string wait_for(const std::string& assignment, const std::string& none = {}) const {
    for (;;) {
      pollfd state{.fd = socket.get(), .events = POLLIN, .revents = 0};
      REQUIRE_MESSAGE(::poll(&state, 1, 20'000) == 1, assignment);
      std::array<char, 4096> buffer{};
      const ssize_t size = ::recv(socket.get(), buffer.data(), buffer.size(), 0);
      REQUIRE(size > 0);
      const std::string text(buffer.data(), static_cast<std::size_t>(size));
      if (('\n' + text + '\n').find('\n' + assignment) != std::string::npos) return text;
      if (!none.empty()) CHECK_MESSAGE(text.find(none) == std::string::npos, text);
    }
  }
  Fd socket;
};

/// What a command prints, standard error included.
std::string output_of(const std::string& command, int& status) {
  std::string text;
  FILE* pipe = ::popen((command + " 2>&1").c_str(), "r");
  REQUIRE(pipe != nullptr);
  std::array<char, 4096> buffer{};
  while (const std::size_t size = std::fread(buffer.data(), 1, buffer.size(), pipe))
    text.append(buffer.data(), size);
  status = ::pclose(pipe);
  return text;
}

std::string unit(const std::string& name) {
  std::ifstream in(std::string(SOURCE_ROOT) + "/docs/deploy/" + name);
  return {std::istreambuf_iterator<char>(in), {}};
}

}  // namespace

TEST_CASE("FAULTS 66: a socket that was handed over is served, and can be found again, after an upgrade") {
  const Holder holder;
  SupervisorUnderTest supervisor(file("systemd:web"), holder.options());
  supervisor.upgrade();
  CHECK(ask(holder.name, "hello") == "hello");
  for (const char* listen : {"127.0.0.1:0", "systemd:web"}) {
    supervisor.rewrite_config(file(listen));
    supervisor.signal(SIGHUP);
    const EventText reload = supervisor.wait_for_event("reload");
    REQUIRE(reload.list("changes").size() == 1);
    CHECK(reload.list("changes").front().starts_with("pool main: reloaded, listen "));
  }
  CHECK(ask(holder.name, "hello") == "hello");
}

TEST_CASE("a socket that was handed over is served, and its variables are not for workers") {
  const Holder holder;
  SupervisorUnderTest supervisor(file("systemd:web"), holder.options());
  CHECK(ask(holder.name, "hello") == "hello");
  const pid_t worker = supervisor.wait_for_idle(1).pids().at(0);
  std::ifstream environment("/proc/" + std::to_string(worker) + "/environ");
  const std::string all((std::istreambuf_iterator<char>(environment)), {});
  CHECK(all.find("SUPERVISOR_CHANNEL=") != std::string::npos);
  CHECK(all.find("LISTEN_") == std::string::npos);
}

TEST_CASE("a socket that was not handed over is a clear mistake") {
  const Holder holder;
  SupervisorUnderTest supervisor(file("systemd:api"), holder.options(/*await_start=*/false));
  CHECK(supervisor.await_exit() == 1);
  CHECK(supervisor.log().find("listen systemd:api: no such socket was handed over; there are: web") !=
        std::string::npos);
  SupervisorUnderTest without(file("systemd:web"), {.await_start = false});
  CHECK(without.await_exit() == 1);
  CHECK(without.log().find("there is none at all: is the .socket unit started?") != std::string::npos);
}

TEST_CASE("FAULTS 44: a client that connects while no supervisor runs is served by the next one") {
  const Holder holder;
  for (const int number : {SIGKILL, SIGTERM}) {
    CAPTURE(number);
    {
      SupervisorUnderTest supervisor(file("systemd:web"), holder.options());
      CHECK(ask(holder.name, "hello") == "hello");
      (void)supervisor.stop(number);
    }
    Client client(holder.name);
    client.send("anybody?");
    SupervisorUnderTest next(file("systemd:web"), holder.options());
    CHECK(client.receive() == "anybody?");
  }
}

TEST_CASE("systemd is told when it is ready, reloads, lives and stops") {
  const TestDirectory files;
  const Listener listener(files.at("notify"));
  SupervisorUnderTest::Options options;
  options.environment = {"NOTIFY_SOCKET=" + files.at("notify"), "WATCHDOG_USEC=200000"};
  SupervisorUnderTest supervisor(file("127.0.0.1:0"), options);
  CHECK(listener.wait_for("READY=1").find("main: ") != std::string::npos);
  for (int i = 0; i < 3; ++i) (void)listener.wait_for("WATCHDOG=1");
  CHECK(listener.wait_for("STATUS=main: 1 of 1 worker ready").find("0 busy, 0 queued") != std::string::npos);
  supervisor.signal(SIGHUP);
  CHECK(listener.wait_for("RELOADING=1").find("MONOTONIC_USEC=") != std::string::npos);
  (void)listener.wait_for("READY=1");
  supervisor.signal(SIGTERM);
  CHECK(listener.wait_for("STOPPING=1").find("EXTEND_TIMEOUT_USEC") == std::string::npos);
  CHECK(supervisor.await_exit() == 0);
}

TEST_CASE("FAULTS 431: systemd is told at once that stop_delay begins, and gives the stop more time") {
  const TestDirectory files;
  const Listener listener(files.at("notify"));
  SupervisorUnderTest supervisor(
      PoolText{.more = R"("stop_delay": "10m", "stop_timeout": "20s")"}.text(),
      {.environment = {"NOTIFY_SOCKET=" + files.at("notify"), "WATCHDOG_USEC=200000"}});
  (void)listener.wait_for("READY=1");
  supervisor.signal(SIGTERM);
  const std::string stopping = listener.wait_for("STOPPING=1");
  CHECK_MESSAGE(stopping.ends_with("\nEXTEND_TIMEOUT_USEC=650000000"), stopping);
  for (int i = 0; i < 3; ++i) (void)listener.wait_for("WATCHDOG=1");
  CHECK(ask(supervisor.address(), "hello") == "hello");
  supervisor.signal(SIGTERM);
  (void)supervisor.wait_for_log("stop_delay is ended by a signal");
  CHECK(supervisor.await_exit() == 0);
}

TEST_CASE("FAULTS 153: systemd is told that the supervisor is ready when each pool has a ready worker") {
  const TestDirectory files;
  const Listener listener(files.at("notify"));
  const std::vector<std::string> waits = scripted({"gate:go", "ready", "loop"});
  SupervisorUnderTest supervisor(
      pools_text({{"at_once", {}}, {"later", {.command = waits}}, {"none", {.workers = 0}}}),
      {.listeners = 3, .environment = {"NOTIFY_SOCKET=" + files.at("notify")}});
  const std::string not_ready = "STATUS=at_once: 1 of 1 worker ready, 0 busy, 0 queued; later: 0 of 1 worker";
  (void)listener.wait_for(not_ready, "READY=1");
  supervisor.signal(SIGHUP);
  (void)supervisor.wait_for_event("reload");
  supervisor.upgrade();
  supervisor.gates().open("go");
  const std::string ready = listener.wait_for("READY=1", "RELOADING=1");
  CHECK(ready.find("later: 1 of 1 worker ready") != std::string::npos);
  CHECK(ready.find("none: 0 of 0 workers ready") != std::string::npos);
}

TEST_CASE(
    "FAULTS 154: a reload is over for systemd when it is applied, and the status tells of its rollout") {
  const TestDirectory files;
  const Listener listener(files.at("notify"));
  PoolText pool{.workers = 1};
  SupervisorUnderTest supervisor(pool.text(), {.environment = {"NOTIFY_SOCKET=" + files.at("notify")}});
  (void)listener.wait_for("READY=1");
  pool.command = scripted({"gate:go", "die:KILL"});
  supervisor.rewrite_config(pool);
  supervisor.signal(SIGHUP);
  CHECK(listener.wait_for("RELOADING=1").find("MONOTONIC_USEC=") != std::string::npos);
  CHECK(listener.wait_for("READY=1").find(", rollout on trial") != std::string::npos);
  supervisor.gates().open("go");
  supervisor.wait_for_event("rollout", where("stage", "failed"));
  supervisor.rewrite_config("{");
  supervisor.signal(SIGHUP);
  (void)listener.wait_for("RELOADING=1");
  CHECK(listener.wait_for("READY=1").find("1 of 1 worker ready, 0 busy, 0 queued, rollout failed") !=
        std::string::npos);
}

TEST_CASE("the units of the examples are valid, and give away little") {
  const TestDirectory files;
  std::string service = unit("supervisor@.service");
  const std::string installed = "/usr/local/bin/supervisor";
  std::size_t at = service.find(installed);
  REQUIRE(at != std::string::npos);
  for (; at != std::string::npos; at = service.find(installed))
    service.replace(at, installed.size(), "/bin/true");  // it must be there
  const std::string service_file = files.write("supervisor@web.service", service);
  const std::string socket_file = files.write("supervisor@web.socket", unit("supervisor@.socket"));
  int status = 0;
  // It reads the machine's other units, too, and tells what is wrong with those.
  const std::string verdict =
      output_of("systemd-analyze verify --recursive-errors=no " + service_file + " " + socket_file, status);
  CHECK_MESSAGE(status == 0, verdict);
  CHECK_MESSAGE(verdict.find("supervisor@") == std::string::npos, verdict);
  const std::string exposure =
      output_of("systemd-analyze security --offline=true --threshold=25 " + service_file, status);
  CHECK_MESSAGE(status == 0, exposure);
  CHECK(exposure.find("Overall exposure level") != std::string::npos);
}

TEST_CASE("FAULTS 37: as the first process of a container it reaps processes that are not its own") {
  SupervisorUnderTest::Options options;
  options.before = {"unshare", "--pid", "--fork", "--kill-child", "--"};
  // The worker leaves an orphan behind that ends at once.
  const std::string orphan = R"({"listen": "127.0.0.1:0", "workers": 1, "command": ["sh", "-c",)"
                             R"( "(sleep 0 & exec sleep 0); exec supervisor-worker echo"], )";
  SupervisorUnderTest supervisor(orphan + kWithControl + "}", options);
  supervisor.allow_leftovers();  // its pids are those of another namespace
  CHECK(ask(supervisor.address(), "hello") == "hello");
  CHECK(supervisor.status().pid == 1);
}

TEST_CASE(
    "FAULTS 89: notifications that nothing reads stop nothing, and the state arrives when they are read") {
  const TestDirectory directory;
  const Listener systemd(directory.at("notify"));
  SupervisorUnderTest supervisor(PoolText{}.text(),
                                 {.environment = {"NOTIFY_SOCKET=" + directory.at("notify")}});
  supervisor.wait_for_idle(1);
  constexpr std::size_t kMoreThanTheKernelKeeps = 20;
  for (std::size_t i = 1; i <= kMoreThanTheKernelKeeps; ++i) {
    supervisor.signal(SIGHUP);
    supervisor.wait_for_log("pool main: reloaded", i);
    CHECK(ask(supervisor.address(), "hello") == "hello");
  }
  supervisor.wait_for_log("systemd does not read the notifications");
  supervisor.signal(SIGTERM);
  CHECK(supervisor.await_exit() == 0);
}

TEST_CASE("FAULTS 89: a change of state that found no room is sent when there is room again") {
  const TestDirectory directory;
  const Listener systemd(directory.at("notify"));
  SupervisorUnderTest supervisor(
      PoolText{.workers = 2}.text(),
      {.environment = {"NOTIFY_SOCKET=" + directory.at("notify"), "WATCHDOG_USEC=200000"}});
  supervisor.wait_for_log("systemd does not read the notifications");
  supervisor.rewrite_config(PoolText{.workers = 3});
  supervisor.signal(SIGHUP);
  supervisor.wait_for_idle(3);
  systemd.wait_for("RELOADING=1");
  CHECK(systemd.wait_for("READY=1").find(" of 3 workers ready") != std::string::npos);
  supervisor.wait_for_log("systemd reads the notifications again");
  systemd.wait_for("WATCHDOG=1");
}
