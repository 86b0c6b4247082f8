// Clients of the control socket share the loop's time.
#include "supervisor/control_server/control_socket.h"

#include <doctest/doctest.h>
#include <fcntl.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <string>
#include <utility>
#include <vector>

#include "supervisor/control_server/control_connection.h"
#include "supervisor/system/clock.h"
#include "tests/app/parts.h"
#include "tests/support/eventually.h"
#include "tests/support/sockets.h"

namespace prefork {
namespace {

using namespace std::chrono_literals;
using namespace test;

/// A supervisor with so many workers that its status takes a millisecond.
class SlowStatus final : public NoOperations {
 public:
  [[nodiscard]] SupervisorStatus status(bool /*workers*/) const override {
    ++asked;
    const Duration end = processor_time() + 1ms;
    while (processor_time() < end) {
    }
    return {};
  }
  mutable int asked = 0;
};

/// A supervisor whose status is made in many pieces.
class LongStatus final : public NoOperations {
 public:
  explicit LongStatus(std::size_t workers) : workers_(workers) {}
  [[nodiscard]] SupervisorStatus status(bool /*workers*/) const override {
    asked = true;
    SupervisorStatus status;
    status.pools.emplace_back();
    status.pools.back().workers.resize(workers_);
    return status;
  }
  mutable bool asked = false;

 private:
  std::size_t workers_;
};

ListenAddress abstract_address() {
  ListenAddress address;
  address.kind = ListenAddress::Kind::kUnixAbstract;
  address.path = "supervisor-control-test-" + std::to_string(::getpid());
  return address;
}

TEST_CASE("FAULTS 158: an event that comes while a status is made follows it: its figures are older") {
  Loop loop;
  Log log{2};
  LongStatus operations(kWorkersAtATime * 20);
  ControlSocket control(loop, log, operations);
  auto listening = ListenSocket::open(abstract_address());
  REQUIRE(listening.ok());
  const Fd client = connect_to(listening.value());
  send_all(client,
           "{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"subscribe\"}\n"
           "{\"jsonrpc\":\"2.0\",\"id\":2,\"method\":\"status\"}\n");
  control.listen(std::move(listening).value());
  while (!operations.asked) loop.run_once();
  control.publish(control_event::PoolRecovered{"web"});

  std::string text;
  const auto at = [&text](const char* part) { return text.find(part); };
  eventually("both have come", [&] {
    loop.run_once();
    char some[65536];
    const ssize_t got = ::recv(client.get(), some, sizeof(some), MSG_DONTWAIT);
    if (got > 0) text.append(some, static_cast<std::size_t>(got));
    return at("pool_recovered") != std::string::npos && at("\"id\":2") != std::string::npos;
  });
  CHECK(at("\"id\":2") < at("pool_recovered"));
}

TEST_CASE("FAULTS 220: a client gets a status of many MiB, and the events that come meanwhile") {
  constexpr std::size_t kMany = 3 * ControlConnection::kMaxOutput / 2;
  Loop loop;
  Log log{2};
  LongStatus operations(9000);
  ControlSocket control(loop, log, operations);
  auto listening = ListenSocket::open(abstract_address());
  REQUIRE(listening.ok());
  const Fd client = connect_to(listening.value());
  std::string end = "\n";
  SUBCASE("with events") {
    send_all(client, "{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"subscribe\"}\n");
    end = "\"pool_recovered\",\"pool\":\"late\"}}\n";
  }
  SUBCASE("alone") {}
  send_all(client, "{\"jsonrpc\":\"2.0\",\"id\":2,\"method\":\"status\"}\n");
  control.listen(std::move(listening).value());
  while (!operations.asked) loop.run_once();
  control.publish(control_event::PoolRecovered{"web"});

  std::string text;
  bool closed = false;
  bool late = false;
  std::vector<char> some(ControlConnection::kMaxOutput);
  const auto read_more = [&] {  // thousands of small pieces
    loop.run_once();
    const ssize_t got = ::recv(client.get(), some.data(), some.size(), MSG_DONTWAIT);
    closed = got == 0;
    if (got > 0) text.append(some.data(), static_cast<std::size_t>(got));
    const bool answered = text.size() > some.size() / 10;  // the rest waits for the client to read
    if (answered && !std::exchange(late, true)) control.publish(control_event::PoolRecovered{"late"});
    return closed || (text.size() > kMany && text.ends_with(end));
  };
  eventually("all has come", read_more, kPatience, std::chrono::nanoseconds(0));
  CHECK_FALSE(closed);
}

TEST_CASE(
    "FAULTS 488: a control socket whose path the program before did not know is closed, and its events "
    "stay") {
  Loop loop;
  Log log{2};
  NoOperations operations;
  ControlSocket before(loop, log, operations);
  auto listening = ListenSocket::open(abstract_address());
  REQUIRE(listening.ok());
  before.listen(std::move(listening).value());
  before.publish(control_event::PoolRecovered{"web"});
  ControlState state = before.state();
  const int copy = ::dup(static_cast<int>(state.socket));
  REQUIRE(copy >= 0);
  state.socket = Carried{copy};
  ControlSocket control(loop, log, operations);
  control.adopt(state, "");
  CHECK(::fcntl(copy, F_GETFD) < 0);
  CHECK(control.state().socket == Carried::kNone);
  CHECK(control.state().last_event == state.last_event);
  CHECK_FALSE(control.file_is_removed());
}

TEST_CASE("FAULTS 161: the answers for many clients of the control socket are made in turn") {
  Loop loop;
  Log log{2};
  SlowStatus operations;
  ControlSocket control(loop, log, operations);
  auto listening = ListenSocket::open(abstract_address());
  REQUIRE(listening.ok());
  std::vector<Fd> clients;
  const auto connect = [&] {
    clients.push_back(connect_to(listening.value()));
    send_all(clients.back(), "{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"status\"}\n");
  };
  for (int i = 0; i < 20; ++i) connect();
  control.listen(std::move(listening).value());

  int most = 0;
  while (operations.asked < 20) {
    const int before = operations.asked;
    loop.run_once();
    most = std::max(most, operations.asked - before);
  }
  CHECK(most <= 2);
  for (const Fd& client : clients) await_unread(client, 1);
}

}  // namespace
}  // namespace prefork
