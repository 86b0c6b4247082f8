// The sockets of a configuration: at each address of a host name, at one port, and shared with those that
// run.
#include "supervisor/app/socket_opener.h"

#include <doctest/doctest.h>

#include <string>
#include <utility>
#include <vector>

#include "config/listen_address.h"
#include "tests/app/parts.h"
#include "tests/support/sockets.h"

namespace prefork {
namespace {

using namespace test;

using Texts = std::vector<std::string>;

/// A host name that the machine has resolved to these addresses.
ListenAddress named(const std::string& text, Texts hosts) {
  ListenAddress address = parse_listen_address(text).value();
  address.answers.hosts = std::move(hosts);
  return address;
}

PoolConfig listening(std::string name, std::vector<ListenAddress> listen) {
  PoolConfig pool = empty_pool(std::move(name));
  pool.listen = std::move(listen);
  return pool;
}

struct Opening : public Parts {
  ActivatedSockets activated;
  SocketOpener opener{log, pools, activated};

  [[nodiscard]] Result<std::vector<OpenedSockets>> open(std::vector<PoolConfig> configs) const {
    Config config;
    config.pools = std::move(configs);
    auto opened = opener.open(config);
    if (!opened) return opened.error();
    return std::move(opened.value().pools);
  }
  void run(const PoolConfig& config) {
    auto opened = open({config});
    REQUIRE_MESSAGE(opened.ok(), (opened.ok() ? "" : opened.error().message()));
    std::vector<ListenSocket> sockets;
    for (auto& one : opened.value().front()) sockets.push_back(std::move(one.socket));
    pools.add(config, Milliseconds(1000), std::move(sockets));
  }
  [[nodiscard]] const ListenSocket* running(const std::string& pool, std::size_t index) const {
    return &pools.find(pool)->listeners().configured().at(index)->socket();
  }
};

TEST_CASE("FAULTS 99: a host name listens on each of its addresses, at port 0 with one port for all") {
  Opening opening;
  const auto opened =
      opening.open({listening("web", {parse_listen_address("127.0.0.1:0").value(),
                                      named("localhost:0", {"127.0.0.1", "127.0.0.2", "127.0.0.3"})})});
  REQUIRE(opened.ok());
  const auto& sockets = opened.value().front();
  REQUIRE(sockets.size() == 4);
  CHECK(sockets[0].socket.entry() == 0);
  const std::string port = std::to_string(sockets[1].socket.port());
  for (std::size_t i = 1; i < 4; ++i) {
    CHECK(sockets[i].socket.entry() == 1);
    CHECK(sockets[i].socket.name() == "127.0.0." + std::to_string(i) + ':' + port);
    CHECK(connect_to(sockets[i].socket).valid());
  }
}

TEST_CASE("FAULTS 99: an address that a host name has got is opened at the port of those that run") {
  Opening opening;
  opening.run(listening("web", {named("localhost:0", {"127.0.0.1"})}));
  const auto opened = opening.open({listening("web", {named("localhost:0", {"127.0.0.1", "127.0.0.2"})})});
  REQUIRE(opened.ok());
  const auto& sockets = opened.value().front();
  REQUIRE(sockets.size() == 2);
  CHECK(sockets[0].running == opening.running("web", 0));
  CHECK(sockets[1].running == nullptr);
  CHECK(sockets[1].socket.port() == sockets[0].socket.port());
}

TEST_CASE("a listener that is written by its address in the place of its name keeps its socket") {
  Opening opening;
  opening.run(listening("web", {named("localhost:0", {"127.0.0.1"})}));
  const auto opened = opening.open({listening("web", {parse_listen_address("127.0.0.1:0").value()})});
  REQUIRE(opened.ok());
  CHECK(opened.value().front().front().running == opening.running("web", 0));
}

TEST_CASE("FAULTS 100: of a host name an address that the machine does not have is left out") {
  Opening opening;
  const auto some =
      opening.open({listening("web", {named("www.example.org:0", {"127.0.0.1", "198.51.100.1"})})});
  REQUIRE(some.ok());
  REQUIRE(some.value().front().size() == 1);
  CHECK(some.value().front().front().socket.name().starts_with("127.0.0.1:"));
  const auto none =
      opening.open({listening("web", {named("www.example.org:0", {"198.51.100.1", "198.51.100.2"})})});
  REQUIRE_FALSE(none.ok());
  CHECK(none.error().message().starts_with("listen www.example.org:0: Cannot assign requested address"));
}

TEST_CASE("an address of a host name that is in use refuses the whole") {
  Opening opening;
  const ListenSocket other = ListenSocket::open(parse_listen_address("127.0.0.2:0").value()).value();
  const std::string port = std::to_string(other.port());
  const auto opened =
      opening.open({listening("web", {named("localhost:" + port, {"127.0.0.1", "127.0.0.2"})})});
  CHECK_FALSE(opened.ok());
}

TEST_CASE("FAULTS 168: an address that overlaps a listener of the supervisor opens beside it, both ways") {
  std::string port;
  {
    const ListenSocket free = ListenSocket::open(parse_listen_address("127.0.0.1:0").value()).value();
    port = std::to_string(free.port());
  }
  std::string now = "127.0.0.1:" + port;
  std::string next = ":" + port;
  SUBCASE("from one address to all") {}
  SUBCASE("from all to one") { std::swap(now, next); }
  Opening opening;
  opening.run(listening("web", {parse_listen_address(now).value()}));
  const auto all = opening.open({listening("web", {parse_listen_address(next).value()})});
  REQUIRE_MESSAGE(all.ok(), all.error().message());
  CHECK(all.value().front().front().running == nullptr);
  // Another socket does not get the port meanwhile.
  CHECK_FALSE(ListenSocket::open(parse_listen_address(now).value()).ok());
  CHECK_FALSE(ListenSocket::open(parse_listen_address(next).value()).ok());
}

TEST_CASE("FAULTS 168: an address that another process listens at is refused, whatever overlaps it") {
  const ListenSocket other = ListenSocket::open(parse_listen_address("127.0.0.2:0").value()).value();
  const std::string port = std::to_string(other.port());
  Opening opening;
  opening.run(listening("web", {parse_listen_address("127.0.0.1:" + port).value()}));
  CHECK_FALSE(opening.open({listening("web", {parse_listen_address(":" + port).value()})}).ok());
}

TEST_CASE(
    "FAULTS 500: sockets of the admin process and of pools change places; at port 0 each keeps its own") {
  Opening opening;
  const ListenAddress any = parse_listen_address("127.0.0.1:0").value();
  const ListenAddress other = parse_listen_address("127.0.0.2:0").value();
  opening.run(listening("web", {any}));
  ListenSocket admin = ListenSocket::open(any).value();
  ListenSocket agent = ListenSocket::open(other).value();
  const SocketOpener opener(opening.log, opening.pools, opening.activated, {{&admin}, {&agent}});
  Config config;
  config.pools = {listening("web", {any})};
  config.admin.listen = {any};
  config.admin.agent = {other};
  const auto same = opener.open(config);
  REQUIRE(same.ok());
  CHECK(same.value().pools[0][0].running == opening.running("web", 0));
  CHECK(same.value().admin[0].running == &admin);
  CHECK(same.value().agent[0].running == &agent);
  config.pools = {listening("web", {other})};
  config.admin.listen = {any, any};
  config.admin.agent = {};
  const auto moved = opener.open(config);
  REQUIRE(moved.ok());
  CHECK(moved.value().pools[0][0].running == &agent);
  CHECK(moved.value().admin[0].running == &admin);
  CHECK(moved.value().admin[1].running == opening.running("web", 0));
}

TEST_CASE("FAULTS 98: a socket at port 0 goes to its own pool first, and to one next owner only") {
  Opening opening;
  const ListenAddress address = parse_listen_address("127.0.0.1:0").value();
  opening.run(listening("web", {address, address}));
  const auto opened = opening.open({listening("new", {address}), listening("web", {address, address})});
  REQUIRE(opened.ok());
  CHECK(opened.value()[0][0].running == nullptr);
  CHECK(opened.value()[1][0].running == opening.running("web", 0));
  CHECK(opened.value()[1][1].running == opening.running("web", 1));
  const auto moved = opening.open({listening("new", {address, address, address})});
  REQUIRE(moved.ok());
  CHECK(moved.value()[0][0].running == opening.running("web", 0));
  CHECK(moved.value()[0][1].running == opening.running("web", 1));
  CHECK(moved.value()[0][2].running == nullptr);
}

}  // namespace
}  // namespace prefork
