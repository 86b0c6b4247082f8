// C programs with the accept library as workers of the built supervisor.
#include <doctest/doctest.h>

#include <algorithm>
#include <atomic>
#include <csignal>
#include <cstddef>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "tests/accept/hosted.h"
#include "tests/accept/pool_socket.h"
#include "tests/support/client.h"
#include "tests/support/supervisor_under_test.h"

namespace prefork::test {
namespace {

/// Of a listener that is closed again: the program has to know it before the supervisor does.
std::string free_port() { return PoolSocket("127.0.0.1:0").port(); }

/// A pool of native workers, whose program is given the library by hand.
std::string pool_of(const std::vector<std::string>& program, const std::string& port,
                    const std::string& generation = "1") {
  std::vector<std::string> command = {"env", "LD_PRELOAD=" + accept_library(),
                                      "SUPERVISOR_LISTEN=0=127.0.0.1:" + port, "GENERATION=" + generation};
  command.insert(command.end(), program.begin(), program.end());
  return PoolText{.command = command,
                  .workers = 3,
                  .listen = {"127.0.0.1:" + port},
                  .more = R"("connections_per_worker": 4)"}
      .text();
}

/// Threads that connect, send a line, want it back, and end, again and again.
class Lines {
 public:
  explicit Lines(const std::string& address) {
    for (int i = 0; i < 4; ++i) threads_.emplace_back([this, address] { run(address); });
  }
  ~Lines() { stop(); }
  void wait_for(std::size_t more) const {
    const std::size_t wanted = answered_ + more;
    eventually("clients are answered", [&] { return answered_ >= wanted; });
  }
  void stop() {
    stopping_ = true;
    for (std::thread& thread : threads_) {
      if (thread.joinable()) thread.join();
    }
  }
  [[nodiscard]] std::size_t failed() const { return failed_; }

 private:
  void run(const std::string& address) {
    while (!stopping_) {
      if (is_answered(address)) {
        ++answered_;
      } else {
        ++failed_;
      }
    }
  }
  static bool is_answered(const std::string& address) {
    try {
      Client client(address);
      client.send("line\n");
      return client.receive(5) == "line\n";
    } catch (...) {  // what doctest throws must not end a thread
      return false;
    }
  }

  std::atomic<bool> stopping_{false};
  std::atomic<std::size_t> answered_{0};
  std::atomic<std::size_t> failed_{0};
  std::vector<std::thread> threads_;
};

std::vector<pid_t> pids_of(const PoolTable& pool) {
  std::vector<pid_t> pids;
  for (const auto& worker : pool.workers) pids.push_back(worker.pid);
  return pids;
}

std::vector<std::vector<std::string>> programs(const std::string& port) {
  return {{c_program("fork"), port},
          {c_program("prefork"), port, "4"},
          {c_program("threads"), port},
          {c_program("epoll"), port}};
}

}  // namespace

TEST_CASE("programs that accept serve as a pool, through a rollout without a failed request") {
  const std::string port = free_port();
  for (const std::vector<std::string>& command : programs(port)) {
    CAPTURE(command.front());
    SupervisorUnderTest supervisor(pool_of(command, port), {});
    supervisor.wait_for_idle(3);
    Lines lines(supervisor.address());
    lines.wait_for(300);
    const std::vector<pid_t> before = pids_of(supervisor.pool());
    supervisor.rewrite_config(pool_of(command, port, "2"));
    supervisor.signal(SIGHUP);
    supervisor.wait_for_pool("all workers are new", [&](const PoolTable& pool) {
      const std::vector<pid_t> now = pids_of(pool);
      return now.size() == 3 &&
             std::find_first_of(now.begin(), now.end(), before.begin(), before.end()) == now.end();
    });
    lines.wait_for(100);
    lines.stop();
    CHECK(lines.failed() == 0);
    CHECK(supervisor.stop() == 0);
  }
}

TEST_CASE(
    "FAULTS 2: a program that accepts is killed with connections that it has not begun: others serve them") {
  const std::string port = free_port();
  SupervisorUnderTest supervisor(pool_of({c_program("threads"), port}, port), {});
  const PoolTable pool = supervisor.wait_for_idle(3);
  const pid_t stopped = pool.workers.at(0).pid;
  std::vector<std::unique_ptr<Client>> clients;
  REQUIRE(::kill(stopped, SIGSTOP) == 0);
  for (int i = 0; i < 6; ++i) {
    clients.push_back(std::make_unique<Client>(supervisor.address()));
    clients.back()->send("line\n");
  }
  REQUIRE(::kill(stopped, SIGKILL) == 0);
  for (const auto& client : clients) CHECK(client->receive(5) == "line\n");
  clients.clear();
  supervisor.wait_for_idle(3);
  CHECK(supervisor.stop() == 0);
}

}  // namespace prefork::test
