// A log that is not read does not stop the service.
#include <doctest/doctest.h>
#include <fcntl.h>
#include <unistd.h>

#include <array>
#include <csignal>
#include <string>

#include "proto/fd.h"
#include "tests/e2e/connect.h"
#include "tests/support/client.h"
#include "tests/support/supervisor_under_test.h"

using namespace prefork;
using namespace prefork::test;

namespace {

struct Pipe {
  Pipe() {
    std::array<int, 2> ends{};
    REQUIRE(::pipe2(ends.data(), O_CLOEXEC | O_NONBLOCK) == 0);
    out.reset(ends[0]);
    in.reset(ends[1]);
  }
  /// Leaves no room for a single byte; the next write blocks.
  void fill() const {
    const std::string some(4096, '.');
    while (::write(in.get(), some.data(), some.size()) > 0) {
    }
    while (::write(in.get(), ".", 1) > 0) {
    }
    REQUIRE(::fcntl(in.get(), F_SETFL, 0) == 0);
  }
  [[nodiscard]] std::string drain() const {
    std::string text;
    std::array<char, 65536> buffer{};
    for (ssize_t size = 0; (size = ::read(out.get(), buffer.data(), buffer.size())) > 0;) {
      text.append(buffer.data(), static_cast<std::size_t>(size));
    }
    return text;
  }
  Fd out;
  Fd in;
};

/// A supervisor that logs into the pipe: the harness does not read its log.
SupervisorUnderTest::Options logging_to(const Pipe& pipe) {
  return {.await_start = false,
          .in_child = [descriptor = pipe.in.get()] { (void)::dup2(descriptor, STDERR_FILENO); }};
}

void wait_until_it_listens(const std::string& path) {
  eventually("it listens", [&] { return connect_unix(path).valid(); });
}

}  // namespace

TEST_CASE(
    "FAULTS 57: the supervisor starts, serves, replaces workers and reloads while its log is not read") {
  const TestDirectory directory;
  const std::string path = directory.at("pool.sock");
  const PoolText pool{.command = scripted({"ready", "recv", "busy", "read:5", "write:hello", "shutdown",
                                           "close", "idle", "die:exit=3"}),
                      .listen = {"unix:" + path},
                      .more = R"("log": {"level": "debug"})"};
  Pipe pipe;
  pipe.fill();
  SupervisorUnderTest supervisor(pool.text(), logging_to(pipe));
  wait_until_it_listens(path);
  for (int i = 0; i < 5; ++i) CHECK(ask(pool.listen[0], "hello") == "hello");
  for (int i = 0; i < 5; ++i) supervisor.signal(SIGUSR1);
  supervisor.signal(SIGHUP);
  CHECK(ask(pool.listen[0], "hello") == "hello");
  // What was not read has waited.
  std::string text;
  eventually("the log arrives", [&] {
    text += pipe.drain();
    return text.find("pool main: reloaded") != std::string::npos;
  });
  CHECK(text.find(" starts, pid " + std::to_string(supervisor.pid())) != std::string::npos);
  CHECK(text.find("died: exited with status 3") != std::string::npos);
  supervisor.signal(SIGTERM);
  const int status = supervisor.await_exit();
  text += pipe.drain();
  CAPTURE(text);
  CHECK(status == 0);
}

TEST_CASE(
    "FAULTS 57: the supervisor goes on when the reader of its log is gone, and stops when it is told to") {
  const TestDirectory directory;
  const std::string path = directory.at("pool.sock");
  const PoolText pool{.listen = {"unix:" + path}};
  Pipe pipe;
  REQUIRE(::fcntl(pipe.in.get(), F_SETFL, 0) == 0);
  SupervisorUnderTest supervisor(pool.text(), logging_to(pipe));
  wait_until_it_listens(path);
  CHECK(ask(pool.listen[0], "hello") == "hello");
  pipe.in.reset();
  pipe.out.reset();
  for (int i = 0; i < 3; ++i) {
    supervisor.signal(SIGUSR1);
    supervisor.signal(SIGHUP);
    CHECK(ask(pool.listen[0], "hello") == "hello");
  }
  supervisor.signal(SIGTERM);
  CHECK(supervisor.await_exit() == 0);
}

TEST_CASE("FAULTS 57: the supervisor stops in time although its log was never read") {
  const TestDirectory directory;
  const std::string path = directory.at("pool.sock");
  Pipe pipe;
  pipe.fill();
  SupervisorUnderTest supervisor(PoolText{.listen = {"unix:" + path}}.text(), logging_to(pipe));
  wait_until_it_listens(path);
  CHECK(ask("unix:" + path, "hello") == "hello");
  supervisor.signal(SIGTERM);
  CHECK(supervisor.await_exit() == 0);
}

TEST_CASE("FAULTS 56: the supervisor serves while its log's device is full") {
  const TestDirectory directory;
  const std::string path = directory.at("pool.sock");
  SupervisorUnderTest supervisor(PoolText{.listen = {"unix:" + path}}.text(),
                                 {.await_start = false, .in_child = [] {
                                    (void)::dup2(::open("/dev/full", O_WRONLY | O_CLOEXEC), STDERR_FILENO);
                                  }});
  wait_until_it_listens(path);
  for (int i = 0; i < 5; ++i) {
    supervisor.signal(SIGUSR1);
    CHECK(ask("unix:" + path, "hello") == "hello");
  }
  supervisor.signal(SIGTERM);
  CHECK(supervisor.await_exit() == 0);
}
