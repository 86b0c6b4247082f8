// Listeners that reloads add, remove and move to another pool while clients connect to all of them; and an
// upgrade in place that comes then.
#include <arpa/inet.h>
#include <doctest/doctest.h>
#include <netinet/in.h>
#include <sys/socket.h>

#include <array>
#include <chrono>
#include <csignal>
#include <string>

#include "proto/fd.h"
#include "tests/e2e/load.h"
#include "tests/e2e/program.h"
#include "tests/support/handshake.h"
#include "tests/support/log_lines.h"
#include "tests/support/supervisor_under_test.h"

using namespace prefork;
using namespace prefork::test;

namespace {

/// A port of 127.0.0.9 that is not in use. Clients call from 127.0.0.1, so none of them takes it meanwhile.
std::string free_address() {
  const Fd socket(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
  sockaddr_in name{};
  name.sin_family = AF_INET;
  REQUIRE(::inet_pton(AF_INET, "127.0.0.9", &name.sin_addr) == 1);
  socklen_t size = sizeof(name);
  REQUIRE(::bind(socket.get(), reinterpret_cast<const sockaddr*>(&name), size) == 0);
  REQUIRE(::getsockname(socket.get(), reinterpret_cast<sockaddr*>(&name), &size) == 0);
  return "127.0.0.9:" + std::to_string(ntohs(name.sin_port));
}

/// A client that could not connect because there was no listener just then has lost nothing.
bool none_lost(const Load::Tally& tally) { return tally.answered == tally.connected && tally.hung == 0; }

/// Two pools: one listener stays, one moves to and fro between the pools, and two come and go.
class Changes {
 public:
  Changes() : supervisor_(config(0), {.listeners = 3}) {}

  SupervisorUnderTest& supervisor() { return supervisor_; }
  [[nodiscard]] std::string stays() { return supervisor_.address(0); }
  [[nodiscard]] std::string moves() { return supervisor_.address(1); }
  [[nodiscard]] std::string tcp_that_comes() const { return tcp_; }
  [[nodiscard]] std::string unix_that_comes() const { return "unix:" + files_.at("comes.sock"); }
  [[nodiscard]] static bool has_come(int round) { return round % 2 == 1; }

  void apply(int round) {
    supervisor_.rewrite_config(config(round));
    supervisor_.signal(SIGHUP);
    CHECK(supervisor_.wait_for_event("reload").flag("applied"));
  }

 private:
  [[nodiscard]] std::string config(int round) const {
    PoolText one{.command = {"supervisor-worker", "line"}, .workers = 3};
    PoolText other = one;
    other.listen = {"127.0.0.3:0"};
    (round / 2 % 2 == 0 ? one : other).listen.emplace_back("127.0.0.2:0");
    if (has_come(round)) {
      one.listen.push_back(tcp_);
      other.listen.push_back(unix_that_comes());
    }
    return pools_text({{"one", one}, {"other", other}});
  }

  TestDirectory files_;
  std::string tcp_ = free_address();
  SupervisorUnderTest supervisor_;
};

/// For so long a listener that is removed waits for clients that are connecting.
constexpr std::chrono::milliseconds kDrain{100};

/// A client that is connecting when a reload removes its listener.
class Connecting {
 public:
  explicit Connecting(const std::string& address) : socket_(begin_handshake(address)) {}

  /// To be called before the reload is asked for.
  void removal_begins() { begun_ = std::chrono::steady_clock::now(); }
  [[nodiscard]] std::chrono::nanoseconds since_removal() const {
    return std::chrono::steady_clock::now() - begun_;
  }
  /// An echo answers. On a machine that was too slow to come this far in time nothing is checked.
  void completes() const {
    const ssize_t sent = ::send(socket_.get(), "late", 4, MSG_NOSIGNAL);
    if (since_removal() >= kDrain) return;
    REQUIRE(sent == 4);
    REQUIRE(::shutdown(socket_.get(), SHUT_WR) == 0);
    std::array<char, 8> answer{};
    const ssize_t size = ::recv(socket_.get(), answer.data(), answer.size(), 0);
    REQUIRE(size > 0);
    CHECK(std::string(answer.data(), static_cast<std::size_t>(size)) == "late");
  }

 private:
  Fd socket_;
  std::chrono::steady_clock::time_point begun_;
};

/// The first of them is not in a PoolText that says nothing.
const PoolText kBoth{.listen = {"127.0.0.2:0", "127.0.0.1:0"}};

}  // namespace

TEST_CASE("a client that is connecting to a pool that a reload removes is served") {
  const PoolText stays{};
  const PoolText leaves{.listen = {"127.0.0.2:0"}};
  SupervisorUnderTest supervisor(pools_text({{"leaves", leaves}, {"stays", stays}}), {.listeners = 2});
  eventually("it serves", [&] { return supervisor.status().pool("leaves").count("idle") == 1; });
  Connecting client(supervisor.address(0));
  supervisor.rewrite_config(pools_text({{"stays", stays}}));
  client.removal_begins();
  supervisor.signal(SIGHUP);
  CHECK(supervisor.wait_for_event("reload").flag("applied"));
  client.completes();
  eventually("it has stopped", [&] { return supervisor.status().pools.size() == 1; });
  CHECK(supervisor.stop() == 0);  // and no worker was killed, no connection cut
}

TEST_CASE(
    "FAULTS 66: an upgrade waits for a client that is connecting to a listener that a reload has removed") {
  const Program program;
  const auto supervisor = start(program, kBoth.text(), 2);
  supervisor->wait_for_idle(1);
  Connecting client(supervisor->address(0));
  supervisor->rewrite_config(PoolText{});
  client.removal_begins();
  supervisor->signal(SIGHUP);
  supervisor->signal(SIGUSR2);
  supervisor->wait_for_log(log_line::kProven);
  client.completes();
  supervisor->await_upgrade();
  CHECK(client.since_removal() >= kDrain);
  CHECK(supervisor->stop() == 0);
}

TEST_CASE("FAULTS 66: a supervisor that is told to stop while its upgrade waits stops, once") {
  const Program program;
  const auto supervisor = start(program, kBoth.text(), 2);
  supervisor->wait_for_idle(1);
  supervisor->rewrite_config(PoolText{});
  supervisor->signal(SIGHUP);
  supervisor->signal(SIGUSR2);
  supervisor->wait_for_log(log_line::kProven);
  CHECK(supervisor->stop() == 0);
  // On a slow machine the wait may be over before.
  CHECK(supervisor->events("upgrade_refused").size() + supervisor->count_in_log(log_line::kTookOver) == 1);
}

TEST_CASE(
    "under load, twenty listener changes: at listeners that stay, move, come and go no connection is lost") {
  Changes changes;
  Load staying(changes.stays(), "S 500\n", 3);
  Load moving(changes.moves(), "S 500\n", 3);
  Load coming(changes.tcp_that_comes(), "S 500\n", 3);
  Load coming_unix(changes.unix_that_comes(), "S 500\n", 3);
  for (int round = 1; round <= 20; ++round) {
    changes.apply(round);
    staying.wait_for_answers(20);
    moving.wait_for_answers(20);
    if (!Changes::has_come(round)) continue;
    coming.wait_for_answers(20);
    coming_unix.wait_for_answers(20);
  }
  CHECK(staying.stop().flawless());
  CHECK(moving.stop().flawless());
  CHECK(none_lost(coming.stop()));
  CHECK(none_lost(coming_unix.stop()));
  for (const PoolTable& pool : changes.supervisor().status().pools) {
    CHECK(pool["lost"] == 0);
    CHECK(pool["discarded"] == 0);
    CHECK(pool["crashes"] + pool["start_failures"] == 0);
  }
}
