// The channel that a worker finds in its environment, and the slots that it offers.
#include "worker/slots.h"

#include <doctest/doctest.h>
#include <fcntl.h>

#include <stdexcept>
#include <string>

#include "tests/worker/channel_environment.h"
#include "tests/worker/hosted_worker.h"

namespace prefork::test {
namespace {

using worker::Slots;

/// The slots that Ready offers when the pool gives `given` and the program can serve `limit`.
std::uint64_t offered(const char* given, unsigned limit) {
  auto ends = Channel::make_pair();
  Channel host = std::move(ends.value().first);
  const ChannelEnvironment environment(std::to_string(ends.value().second.release().release()), given);
  auto [slots, exit_code] = Slots::open(limit);
  REQUIRE(slots.has_value());
  CHECK(exit_code == 0);
  return await_record(host).ticket;
}

int exit_code_with(const std::string& channel) {
  const ChannelEnvironment environment(channel, nullptr);
  auto [slots, exit_code] = Slots::open(1);
  CHECK_FALSE(slots.has_value());
  return exit_code;
}

TEST_CASE("a worker offers the slots the pool gives it, but never more than it can serve") {
  CHECK(offered("4", 16) == 4);
  CHECK(offered("64", 16) == 16);
  CHECK(offered(nullptr, 16) == 1);
  CHECK(offered("nonsense", 16) == 1);
  CHECK(offered("0", 16) == 1);
}

TEST_CASE("the channel is found at any descriptor number, and does not survive exec") {
  auto ends = Channel::make_pair();
  const int number = ::fcntl(ends.value().second.descriptor(), F_DUPFD, 100);
  REQUIRE(number >= 100);
  const ChannelEnvironment environment(std::to_string(number), nullptr);
  const auto [slots, exit_code] = Slots::open(1);
  REQUIRE(slots.has_value());
  CHECK(slots->descriptor() == number);
  CHECK((::fcntl(number, F_GETFD) & FD_CLOEXEC) != 0);
}

TEST_CASE("what a worker needs for itself is made before it is ready") {
  auto ends = Channel::make_pair();
  Channel host = std::move(ends.value().first);
  const ChannelEnvironment environment(std::to_string(ends.value().second.release().release()), "4");
  bool ready_first = true;
  const auto [slots, exit_code] = Slots::open(4, [&] {
    Datagram datagram;
    ready_first = host.receive(datagram) != ReceiveStatus::kEmpty;
  });
  REQUIRE(slots.has_value());
  CHECK_FALSE(ready_first);
  CHECK(await_record(host).kind == RecordKind::kReady);
}

TEST_CASE("FAULTS 322: a worker that cannot start is never ready, and exits with 1") {
  for (const bool of_the_library : {true, false}) {
    auto ends = Channel::make_pair();
    Channel host = std::move(ends.value().first);
    const ChannelEnvironment environment(std::to_string(ends.value().second.release().release()), "4");
    const auto [slots, exit_code] = Slots::open(4, [&] {
      if (of_the_library) throw std::runtime_error("no database");
      throw 1;
    });
    CHECK_FALSE(slots.has_value());
    CHECK(exit_code == 1);
    CHECK(await_end(host));
  }
}

TEST_CASE("without a usable channel there is nothing to serve") {
  int pipe_ends[2];
  REQUIRE(::pipe2(pipe_ends, O_CLOEXEC) == 0);
  const Fd reading(pipe_ends[0]);
  const Fd writing(pipe_ends[1]);
  CHECK(exit_code_with("") == 2);
  CHECK(exit_code_with("three") == 2);
  CHECK(exit_code_with("-1") == 2);
  CHECK(exit_code_with("9999") == 2);
  CHECK(exit_code_with(std::to_string(reading.get())) == 2);
}

TEST_CASE("an event loop may end when the last connection is finished") {
  auto ends = Channel::make_pair();
  Host host(std::move(ends.value().first));
  const ChannelEnvironment environment(std::to_string(ends.value().second.release().release()), "2");
  auto [slots, exit_code] = Slots::open(2);
  REQUIRE(slots.has_value());
  const Client client = host.dispatch(1);
  auto connection = slots->next();
  REQUIRE(connection.has_value());
  host.channel().close();
  await_readable(slots->descriptor());
  CHECK_FALSE(slots->next().has_value());
  CHECK(slots->draining());
  CHECK_FALSE(slots->finished());
  connection.reset();
  CHECK(slots->finished());
}

TEST_CASE(
    "an event loop that leaves by itself goes on reading until Drain, and is finished with its last "
    "connection") {
  auto ends = Channel::make_pair();
  Host host(std::move(ends.value().first));
  const ChannelEnvironment environment(std::to_string(ends.value().second.release().release()), "2");
  auto [slots, exit_code] = Slots::open(2);
  REQUIRE(slots.has_value());
  const Client client = host.dispatch(1);
  auto connection = slots->next();
  REQUIRE(connection.has_value());
  slots->leave();
  const Client late = host.dispatch(2);
  CHECK_FALSE(slots->next().has_value());
  CHECK_FALSE(slots->draining());
  CHECK_FALSE(slots->finished());
  host.say(RecordKind::kDrain);
  CHECK_FALSE(slots->next().has_value());
  CHECK(slots->draining());
  connection.reset();
  CHECK(slots->finished());
  for (const RecordKind kind : {RecordKind::kReady, RecordKind::kBusy, RecordKind::kLeave, RecordKind::kIdle})
    CHECK(host.await().kind == kind);
}

TEST_CASE("an event loop that has to leave parks the connections that it keeps, and is finished") {
  auto ends = Channel::make_pair();
  Host host(std::move(ends.value().first));
  const ChannelEnvironment environment(std::to_string(ends.value().second.release().release()), "2");
  auto [slots, exit_code] = Slots::open(2);
  REQUIRE(slots.has_value());
  CHECK(host.await().kind == RecordKind::kReady);
  const Client client = host.dispatch(1, kMayPark);
  auto connection = slots->next();
  REQUIRE(connection.has_value());
  CHECK_FALSE(connection->park_wanted());
  host.say(RecordKind::kDrain);
  await_readable(slots->descriptor());
  CHECK_FALSE(slots->next().has_value());
  CHECK(connection->park_wanted());
  connection->park();
  CHECK(slots->finished());
  CHECK(host.await().kind == RecordKind::kBusy);
  CHECK(host.await() == Record{.kind = RecordKind::kPark, .ticket = 1});
  CHECK(client.silent());
}

}  // namespace
}  // namespace prefork::test
