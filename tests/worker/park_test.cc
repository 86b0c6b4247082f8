// A connection between two requests: the worker keeps it for a moment, or gives it back.
#include <doctest/doctest.h>
#include <sys/socket.h>

#include <chrono>

#include "tests/worker/hosted_worker.h"
#include "tests/worker/test_session.h"

namespace prefork::test {
namespace {

using std::chrono::seconds;
using std::chrono::steady_clock;
using worker::Connection;
using worker::Session;
using worker::UntilWanted;
using worker::Wait;

/// A session of one slot with a connection in hand.
struct InHand : TestSession {
  explicit InHand(std::uint16_t flags) : client(host.dispatch(1, flags)), connection(begin()) {}

  Client client;
  std::optional<Connection> connection;

  /// The record that ends the connection. On a busy machine Progress can come before it.
  [[nodiscard]] Record end() {
    Record record = host.await();
    while (record.kind == RecordKind::kProgress) record = host.await();
    return record;
  }

 private:
  std::optional<Connection> begin() {
    auto begun = session.next(Wait::kYes);
    REQUIRE(begun.has_value());
    CHECK(host.await().kind == RecordKind::kBusy);
    return begun;
  }
};

const Record kParked{.kind = RecordKind::kPark, .ticket = 1};
const Record kFinished{.kind = RecordKind::kIdle, .ticket = 1};

TEST_CASE("a client that sends its next request at once stays with the worker") {
  InHand worker(kMayPark);
  worker.client.send("more");
  CHECK(worker.connection->next_request(seconds(20)));
  CHECK(worker.session.open_connections() == 1);
  worker.connection.reset();
  CHECK(worker.end() == kFinished);
}

TEST_CASE("an end of file counts as something to read") {
  InHand worker(kMayPark);
  worker.client.shut_down();
  CHECK(worker.connection->next_request(seconds(20)));
}

TEST_CASE("a connection without a next request at once is parked, and its client notices nothing") {
  InHand worker(kMayPark);
  CHECK_FALSE(worker.connection->next_request(seconds(20)));
  CHECK(worker.end() == kParked);
  CHECK(worker.session.open_connections() == 0);
  worker.connection.reset();
  CHECK(worker.client.silent());
  REQUIRE(::send(worker.host.copy().get(), "alive", 5, MSG_NOSIGNAL) == 5);
  CHECK(worker.client.receive_until("alive") == "alive");
  worker.host.drop_copy();
  CHECK(worker.client.receive_to_end() == "");
  worker.host.say(RecordKind::kPing);
  CHECK_FALSE(worker.session.next(Wait::kNo).has_value());
  CHECK(worker.host.await().kind == RecordKind::kPong);
}

TEST_CASE("a kept connection is given back on Yield, on Drain, on stop() and when the supervisor has ended") {
  InHand worker(kMayPark);
  SUBCASE("Yield") { worker.host.say(RecordKind::kYield); }
  SUBCASE("Drain") { worker.host.say(RecordKind::kDrain); }
  SUBCASE("the supervisor is gone") { worker.host.channel().close(); }
  SUBCASE("stop()") { worker.session.stop(); }
  const auto begin = steady_clock::now();
  CHECK_FALSE(worker.session.await(worker.connection->socket(), seconds(20), UntilWanted::kYes));
  CHECK(steady_clock::now() - begin < seconds(10));
  CHECK(worker.connection->park_wanted());
  CHECK_FALSE(worker.connection->next_request(seconds(20)));
  CHECK(worker.session.open_connections() == 0);
}

TEST_CASE("a worker that keeps a connection answers Ping") {
  InHand worker(kMayPark);
  worker.host.say(RecordKind::kPing);
  worker.host.say(RecordKind::kYield);
  CHECK_FALSE(worker.connection->next_request(seconds(20)));
  CHECK(worker.host.await().kind == RecordKind::kPong);
  CHECK(worker.end() == kParked);
}

TEST_CASE("while others wait a connection is parked at once, even if its next request has come") {
  InHand worker(kMayPark | kParkAtOnce);
  CHECK(worker.connection->park_wanted());
  worker.client.send("more");
  CHECK_FALSE(worker.connection->next_request(seconds(20)));
  CHECK(worker.end() == kParked);
}

TEST_CASE("in a pool that does not park, the worker waits for the client whatever the supervisor sends") {
  InHand worker(0);
  CHECK_FALSE(worker.connection->may_park());
  SUBCASE("Yield") { worker.host.say(RecordKind::kYield); }
  SUBCASE("Drain") { worker.host.say(RecordKind::kDrain); }
  bool leaves = false;
  SUBCASE("stop()") {
    worker.session.stop();
    leaves = true;
  }
  CHECK_FALSE(worker.connection->next_request(std::chrono::milliseconds(20)));
  CHECK_FALSE(worker.connection->park_wanted());
  worker.client.send("more");
  CHECK(worker.connection->next_request(seconds(20)));
  CHECK(worker.session.open_connections() == 1);
  worker.connection->park();
  if (leaves) CHECK(worker.end().kind == RecordKind::kLeave);
  CHECK(worker.end() == kFinished);
  CHECK(worker.client.receive_to_end() == "");
}

TEST_CASE("a Connection object that was moved is parked once") {
  InHand worker(kMayPark);
  Connection moved = std::move(*worker.connection);
  worker.connection.reset();
  CHECK(moved.may_park());
  moved.park();
  moved.park();
  moved.finish();
  CHECK(worker.end() == kParked);
  CHECK(worker.client.silent());
  CHECK(worker.session.open_connections() == 0);
}

TEST_CASE("a worker of several slots parks one connection and goes on with the others") {
  TestSession worker(2);
  const Client first = worker.host.dispatch(1, kMayPark);
  const Client second = worker.host.dispatch(2, kMayPark);
  auto one = worker.session.next(Wait::kNo);
  auto two = worker.session.next(Wait::kNo);
  REQUIRE(two.has_value());
  CHECK_FALSE(one->park_wanted());
  worker.host.say(RecordKind::kYield);
  CHECK_FALSE(worker.session.next(Wait::kNo).has_value());
  CHECK(one->park_wanted());
  CHECK(two->park_wanted());
  one->park();
  CHECK(worker.session.open_connections() == 1);
  SUBCASE("others wait still: the connection that comes is to be parked at once") {
    const Client third = worker.host.dispatch(3, kMayPark | kParkAtOnce);
    CHECK(worker.session.next(Wait::kNo).has_value());
    CHECK(two->park_wanted());
  }
  SUBCASE("no connection waits any more") {
    const Client third = worker.host.dispatch(3, kMayPark);
    CHECK(worker.session.next(Wait::kNo).has_value());
    CHECK_FALSE(two->park_wanted());
  }
}

}  // namespace
}  // namespace prefork::test
