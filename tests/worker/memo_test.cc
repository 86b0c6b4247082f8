// What the library tells of a connection besides its socket: the memo, and what has to be done with it first.
#include <doctest/doctest.h>

#include <chrono>
#include <string>
#include <utility>
#include <vector>

#include "tests/worker/hosted_worker.h"
#include "tests/worker/no_memory.h"
#include "tests/worker/test_session.h"

namespace prefork::test {
namespace {

using worker::Connection;
using worker::Wait;

/// A session of one slot that has been sent a connection with this memo.
struct WithMemo : TestSession {
  explicit WithMemo(const std::string& memo, std::uint16_t flags = kMayPark)
      : client(host.dispatch(1, flags, memo)), connection(session.next(Wait::kYes)) {
    REQUIRE(connection.has_value());
    CHECK(host.await().kind == RecordKind::kBusy);
  }

  Client client;
  std::optional<Connection> connection;
};

const std::string kAnyBytes("\0a\xff", 3);

TEST_CASE("a connection has the memo that it was sent with, and a move takes it along") {
  WithMemo worker(kAnyBytes);
  CHECK(worker.connection->memo() == kAnyBytes);
  const std::string_view memo = worker.connection->memo();
  worker.host.say(RecordKind::kPing);
  CHECK_FALSE(worker.session.next(Wait::kNo).has_value());  // the datagram is overwritten
  const Connection moved = std::move(*worker.connection);
  CHECK(moved.memo() == kAnyBytes);
  CHECK(memo == kAnyBytes);
}

TEST_CASE("a connection without a memo has an empty one, and the next record is read as it is") {
  WithMemo worker("");
  CHECK(worker.connection->memo().empty());
}

TEST_CASE("park() sends the memo, also the one that the connection came with") {
  WithMemo worker(kAnyBytes);
  SUBCASE("another") {
    worker.connection->park("another");
    CHECK(Arrived(worker.host.channel()).text == "another");
  }
  SUBCASE("the same") {
    worker.connection->park(worker.connection->memo());
    CHECK(Arrived(worker.host.channel()).text == kAnyBytes);
  }
  SUBCASE("none") {
    worker.connection->park();
    CHECK(worker.host.await() == Record{.kind = RecordKind::kPark, .ticket = 1});
  }
  SUBCASE("the longest") {
    worker.connection->park(std::string(kMaxMemoLength, 'x'));
    CHECK(Arrived(worker.host.channel()).text == std::string(kMaxMemoLength, 'x'));
  }
  CHECK(worker.session.open_connections() == 0);
}

TEST_CASE("next_request() leaves a memo, too") {
  WithMemo worker("");
  CHECK_FALSE(worker.connection->next_request(std::chrono::seconds(20), "for the next"));
  const Arrived arrived(worker.host.channel());
  CHECK(arrived.records.front().kind == RecordKind::kPark);
  CHECK(arrived.text == "for the next");
}

TEST_CASE("FAULTS 310: a connection whose memo cannot be carried is finished, not parked without it") {
  WithMemo worker("");
  worker.connection->park(std::string(kMaxMemoLength + 1, 'x'));
  CHECK(worker.host.await() == Record{.kind = RecordKind::kIdle, .ticket = 1});
  CHECK(worker.client.receive_to_end() == "");
}

TEST_CASE("a connection says whether a copy of its socket is kept, and whether a PROXY header comes first") {
  struct Row {
    std::uint16_t flags;
    bool copy_kept, proxied;
  };
  for (const Row row : {Row{0, false, false}, {kCopyKept, true, false}, {kProxied, false, true}}) {
    CAPTURE(row.flags);
    const WithMemo worker("", row.flags);
    CHECK(worker.connection->copy_kept() == row.copy_kept);
    CHECK(worker.connection->proxied() == row.proxied);
  }
}

TEST_CASE("FAULTS 398: a connection whose memo a worker has no memory for is refused, and costs no slot") {
  TestSession worker;
  const std::string memo(217, 'm');
  Client client = worker.host.dispatch(1, kMayPark, memo);
  {
    const NoMemoryFor no_memory(memo.size());
    CHECK_FALSE(worker.session.next(Wait::kNo).has_value());
  }
  CHECK(worker.host.await() == Record{.kind = RecordKind::kRefused, .ticket = 1});
  CHECK(worker.session.open_connections() == 0);
  CHECK(client.silent());
  worker.host.dispatch_again(1, kMayPark, memo);
  const std::optional<Connection> connection = worker.session.next(Wait::kYes);
  REQUIRE(connection.has_value());
  CHECK(connection->memo() == memo);
}

TEST_CASE("a Connection with a memo that is not there ends the worker") {
  TestSession worker;
  auto [client, copy] = make_connection();
  const Record record{.kind = RecordKind::kConnection, .flags = 5 << 8, .ticket = 1};
  REQUIRE(worker.host.channel().send(record, copy) == SendStatus::kSent);
  CHECK_FALSE(worker.session.next(Wait::kYes).has_value());
  CHECK(worker.session.exit_code() == 1);
}

}  // namespace
}  // namespace prefork::test
