// Clients of the control socket share the loop's time.
#include "supervisor/control_server/control_socket.h"

#include <doctest/doctest.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <string>
#include <utility>
#include <vector>

#include "supervisor/system/clock.h"
#include "tests/app/parts.h"
#include "tests/support/sockets.h"

namespace prefork {
namespace {

using namespace std::chrono_literals;
using namespace test;

/// A supervisor with so many workers that its status takes a millisecond.
class SlowStatus final : public NoOperations {
 public:
  [[nodiscard]] SupervisorStatus status() const override {
    ++asked;
    const Duration end = processor_time() + 1ms;
    while (processor_time() < end) {
    }
    return {};
  }
  mutable int asked = 0;
};

TEST_CASE("FAULTS 161: the answers for many clients of the control socket are made in turn") {
  Loop loop;
  Log log{2};
  SlowStatus operations;
  ControlSocket control(loop, log, operations);
  ListenAddress address;
  address.kind = ListenAddress::Kind::kUnixAbstract;
  address.path = "supervisor-control-test-" + std::to_string(::getpid());
  auto listening = ListenSocket::open(address);
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
