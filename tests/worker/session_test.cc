// The library's side of the protocol, with both ends of the channel in this process.
#include "worker/session.h"

#include <doctest/doctest.h>
#include <sys/ioctl.h>
#include <sys/resource.h>

#include <array>

#include "tests/worker/hosted_worker.h"
#include "tests/worker/test_session.h"

namespace prefork::test {
namespace {

using worker::Connection;
using worker::Wait;

int unread(const Fd& socket) {
  int size = -1;
  REQUIRE(::ioctl(socket.get(), FIONREAD, &size) == 0);
  return size;
}

/// During its life this process gets no new descriptors.
class NoDescriptors {
 public:
  NoDescriptors() {
    REQUIRE(::getrlimit(RLIMIT_NOFILE, &before_) == 0);
    const rlimit none{.rlim_cur = 0, .rlim_max = before_.rlim_max};
    REQUIRE(::setrlimit(RLIMIT_NOFILE, &none) == 0);
  }
  NoDescriptors(const NoDescriptors&) = delete;
  NoDescriptors& operator=(const NoDescriptors&) = delete;
  ~NoDescriptors() { (void)::setrlimit(RLIMIT_NOFILE, &before_); }

 private:
  rlimit before_{};
};

TEST_CASE("the receipt is sent before a byte of the connection is read") {
  TestSession worker;
  Client client = worker.host.dispatch(7);
  client.send("hello");
  const std::optional<Connection> connection = worker.session.next(Wait::kYes);
  REQUIRE(connection.has_value());
  CHECK(worker.host.await() == Record{.kind = RecordKind::kBusy, .ticket = 7});
  CHECK(unread(worker.host.copy()) == 5);
}

TEST_CASE("a connection has its ticket, its listener, the time of accept and its wait") {
  TestSession worker;
  auto [client, copy] = make_connection();
  const Record sent{.kind = RecordKind::kConnection,
                    .value = 2,
                    .ticket = 1ULL << 40,
                    .time_ns = 3'000'000'001,
                    .wait_us = 25};
  REQUIRE(worker.host.channel().send(sent, copy) == SendStatus::kSent);
  const std::optional<Connection> connection = worker.session.next(Wait::kYes);
  REQUIRE(connection.has_value());
  CHECK(connection->ticket() == 1ULL << 40);
  CHECK(connection->listener() == 2);
  CHECK(connection->accepted().time_since_epoch() == std::chrono::nanoseconds(3'000'000'001));
  CHECK(connection->waited() == std::chrono::microseconds(25));
}

TEST_CASE(
    "FAULTS 27: the client sees the end of a finished connection although the supervisor holds a copy") {
  TestSession worker;
  Client client = worker.host.dispatch(7);
  { const auto connection = worker.session.next(Wait::kYes); }
  CHECK(client.receive_to_end() == "");
  CHECK(worker.host.copy().valid());
}

TEST_CASE("one Idle follows Busy, however often the connection is moved and finished") {
  TestSession worker;
  const Client client = worker.host.dispatch(7);
  {
    std::optional<Connection> connection = worker.session.next(Wait::kYes);
    Connection moved = std::move(*connection);
    connection.reset();
    CHECK(worker.session.open_connections() == 1);
    moved.finish();
    moved.finish();
  }
  CHECK(worker.session.open_connections() == 0);
  CHECK(worker.host.await().kind == RecordKind::kBusy);
  CHECK(worker.host.await() == Record{.kind = RecordKind::kIdle, .ticket = 7});
  worker.host.say(RecordKind::kPing);
  CHECK_FALSE(worker.session.next(Wait::kNo).has_value());
  CHECK(worker.host.await().kind == RecordKind::kPong);
}

TEST_CASE("a worker of several slots holds several connections and gives each back by its ticket") {
  TestSession worker(2);
  const Client first = worker.host.dispatch(1);
  const Client second = worker.host.dispatch(2);
  std::optional<Connection> one = worker.session.next(Wait::kNo);
  std::optional<Connection> two = worker.session.next(Wait::kNo);
  REQUIRE(one.has_value());
  REQUIRE(two.has_value());
  CHECK_FALSE(worker.session.next(Wait::kNo).has_value());
  CHECK(worker.host.await().ticket == 1);
  CHECK(worker.host.await().ticket == 2);
  two.reset();
  CHECK(worker.host.await() == Record{.kind = RecordKind::kIdle, .ticket = 2});
  one.reset();
  CHECK(worker.host.await() == Record{.kind = RecordKind::kIdle, .ticket = 1});
}

TEST_CASE("a connection beyond the slots offered is refused") {
  TestSession worker;
  const Client first = worker.host.dispatch(1);
  const Client second = worker.host.dispatch(2);
  const std::optional<Connection> one = worker.session.next(Wait::kNo);
  CHECK_FALSE(worker.session.next(Wait::kNo).has_value());
  CHECK(worker.host.await().kind == RecordKind::kBusy);
  CHECK(worker.host.await() == Record{.kind = RecordKind::kRefused, .ticket = 2});
}

TEST_CASE(
    "FAULTS 25: a connection whose descriptor was lost is refused, and after three in a row the worker "
    "leaves") {
  TestSession worker;
  for (std::uint64_t ticket = 1; ticket <= 3; ++ticket) {
    const Client client = worker.host.dispatch(ticket);
    CHECK_FALSE(worker.session.draining());
    {
      const NoDescriptors none;
      CHECK_FALSE(worker.session.next(Wait::kNo).has_value());
    }
    CHECK(worker.host.await() == Record{.kind = RecordKind::kRefused, .ticket = ticket});
  }
  CHECK(worker.session.draining());
  CHECK(worker.session.exit_code() == 1);
}

TEST_CASE("a connection that arrives with its descriptor resets the count of lost descriptors") {
  TestSession worker;
  for (std::uint64_t ticket = 1; ticket <= 5; ++ticket) {
    const Client client = worker.host.dispatch(ticket);
    std::optional<NoDescriptors> none;
    if (ticket != 3) none.emplace();
    CHECK(worker.session.next(Wait::kNo).has_value() == (ticket == 3));
  }
  CHECK_FALSE(worker.session.draining());
}

TEST_CASE("a connection that comes after Drain is refused, and the connection in hand goes on") {
  TestSession worker(2);
  const Client first = worker.host.dispatch(1);
  std::optional<Connection> connection = worker.session.next(Wait::kNo);
  REQUIRE(connection.has_value());
  CHECK_FALSE(connection->leaving());
  std::array<Record, 1> drain{Record{.kind = RecordKind::kDrain}};
  REQUIRE(worker.host.channel().send(drain) == SendStatus::kSent);
  CHECK_FALSE(worker.session.next(Wait::kNo).has_value());
  CHECK(worker.session.draining());
  CHECK(connection->leaving());
  CHECK(worker.session.open_connections() == 1);
  connection.reset();
  CHECK(worker.host.await().kind == RecordKind::kBusy);
  CHECK(worker.host.await().kind == RecordKind::kIdle);
  CHECK(worker.session.exit_code() == 0);
}

TEST_CASE("leaving() of a worker of one slot with a connection in hand reads Drain and answers Ping") {
  TestSession worker;
  const Client client = worker.host.dispatch(1);
  std::optional<Connection> connection = worker.session.next(Wait::kNo);
  REQUIRE(connection.has_value());
  CHECK(worker.host.await().kind == RecordKind::kBusy);
  worker.host.say(RecordKind::kPing);
  CHECK_FALSE(connection->leaving());
  CHECK(worker.host.await().kind == RecordKind::kPong);
  worker.host.say(RecordKind::kDrain);
  CHECK(connection->leaving());
}

TEST_CASE("the end of the channel makes the worker leave with exit code 0") {
  TestSession worker;
  worker.host.channel().close();
  CHECK_FALSE(worker.session.next(Wait::kYes).has_value());
  CHECK(worker.session.draining());
  CHECK(worker.session.exit_code() == 0);
}

TEST_CASE("a connection whose receipt cannot be delivered is not begun") {
  TestSession worker;
  const Client client = worker.host.dispatch(1);
  worker.host.channel().close();
  CHECK_FALSE(worker.session.next(Wait::kYes).has_value());
  CHECK(worker.session.draining());
}

TEST_CASE(
    "FAULTS 206: stop() makes a waiting worker leave, and says nothing of connections that are not begun") {
  TestSession worker;
  std::optional<Client> client;
  SUBCASE("idle") {}
  SUBCASE("a connection is on its way") { client = worker.host.dispatch(1); }
  worker.session.stop();
  CHECK_FALSE(worker.session.next(Wait::kYes).has_value());
  CHECK(worker.host.await() == Record{.kind = RecordKind::kLeave});
  if (client) CHECK(client->silent());
  CHECK(worker.session.draining());
  CHECK(worker.session.exit_code() == 0);
}

TEST_CASE(
    "FAULTS 206: a worker that has left closes what was on its way, says nothing of it, and touches "
    "nothing") {
  TestSession worker(4);
  Client first = worker.host.dispatch(1);
  std::optional<Connection> connection = worker.session.next(Wait::kNo);
  REQUIRE(connection.has_value());
  CHECK(worker.host.await().kind == RecordKind::kBusy);
  const Client second = worker.host.dispatch(2);
  worker.session.leave();
  worker.session.leave();
  CHECK(worker.host.await() == Record{.kind = RecordKind::kLeave});
  CHECK_FALSE(worker.session.next(Wait::kNo).has_value());
  const Client third = worker.host.dispatch(3);
  CHECK_FALSE(worker.session.next(Wait::kNo).has_value());
  CHECK(second.silent());  // the supervisor's copy keeps it open
  CHECK(third.silent());
  CHECK(connection->leaving());
  CHECK_FALSE(worker.session.draining());
  CHECK_FALSE(worker.session.finished());
  worker.host.say(RecordKind::kDrain);
  CHECK_FALSE(worker.session.next(Wait::kNo).has_value());
  CHECK(worker.session.draining());
  connection.reset();
  CHECK(worker.host.await() == Record{.kind = RecordKind::kIdle, .ticket = 1});
  CHECK(worker.session.finished());
  CHECK(worker.session.exit_code() == 0);
}

TEST_CASE("a worker that leaves and has nothing in hand does not wait for Drain") {
  TestSession worker;
  worker.session.leave();
  CHECK_FALSE(worker.session.next(Wait::kYes).has_value());
  CHECK(worker.session.finished());
}

TEST_CASE("a worker that has left wants to park what it may") {
  TestSession worker(2);
  const Client client = worker.host.dispatch(1, kMayPark);
  std::optional<Connection> connection = worker.session.next(Wait::kNo);
  REQUIRE(connection.has_value());
  CHECK_FALSE(connection->park_wanted());
  worker.session.leave();
  CHECK(connection->park_wanted());
  connection->park();
  CHECK(worker.host.await().kind == RecordKind::kBusy);
  CHECK(worker.host.await().kind == RecordKind::kLeave);
  CHECK(worker.host.await() == Record{.kind = RecordKind::kPark, .ticket = 1});
}

TEST_CASE("a note and progress reach the supervisor") {
  TestSession worker;
  const Client client = worker.host.dispatch(9);
  std::optional<Connection> connection = worker.session.next(Wait::kYes);
  REQUIRE(connection.has_value());
  CHECK(worker.host.await().kind == RecordKind::kBusy);
  connection->note("");
  connection->note("counting sheep");
  connection->progress();
  CHECK(Arrived(worker.host.channel()).text == "counting sheep");
  CHECK(worker.host.await() == Record{.kind = RecordKind::kProgress, .ticket = 9});
}

TEST_CASE("a worker leaves with exit code 1 when the supervisor breaks the protocol") {
  TestSession worker;
  SUBCASE("a record that only workers send") { worker.host.say(RecordKind::kBusy); }
  SUBCASE("a datagram of no bytes") {
    CHECK(worker.host.channel().send(std::span<const std::byte>()) == SendStatus::kSent);
  }
  SUBCASE("a datagram of half a record") {
    const std::array<std::byte, 16> half{};
    CHECK(worker.host.channel().send(half) == SendStatus::kSent);
  }
  CHECK_FALSE(worker.session.next(Wait::kYes).has_value());
  CHECK(worker.session.draining());
  CHECK(worker.session.exit_code() == 1);
}

TEST_CASE("a session that is not willing refuses before Busy, or gives all back if it leaves") {
  TestSession worker;
  bool leaves = false;
  SUBCASE("it refuses") {}
  SUBCASE("it leaves") { leaves = true; }
  worker.session.ask_before_busy([&] {
    if (leaves) worker.session.leave();
    return false;
  });
  const Client client = worker.host.dispatch(1);
  CHECK_FALSE(worker.session.next(worker::Wait::kNo).has_value());
  CHECK(worker.host.await() ==
        (leaves ? Record{.kind = RecordKind::kLeave} : Record{.kind = RecordKind::kRefused, .ticket = 1}));
  CHECK(worker.session.left() == leaves);
  CHECK(worker.session.open_connections() == 0);
  CHECK(client.silent());
}

}  // namespace
}  // namespace prefork::test
