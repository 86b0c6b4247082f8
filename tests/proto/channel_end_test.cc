// The end of a channel, and events that only look like an end.
#include <doctest/doctest.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <csignal>
#include <cstddef>
#include <vector>

#include "proto/channel.h"
#include "tests/proto/channel_pair.h"

namespace prefork {
namespace {

using test::ChannelPair;
using test::Received;
using test::send_raw;

const Record kBusyRecord{.kind = RecordKind::kBusy, .ticket = 7};
const Record kIdleRecord{.kind = RecordKind::kIdle, .ticket = 7};

/// Gives the worker's end of `pair` to a process that holds it, and kills that process.
void let_worker_die(ChannelPair& pair) {
  const pid_t worker = ::fork();
  REQUIRE(worker >= 0);
  if (worker == 0) {
    for (;;) (void)::pause();
  }
  pair.worker.close();
  REQUIRE(::kill(worker, SIGKILL) == 0);
  REQUIRE(::waitpid(worker, nullptr, 0) == worker);
}

/// Whether the next receive meets an error (ECONNRESET) before it meets data.
bool error_pending(const Channel& channel) {
  pollfd state{.fd = channel.descriptor(), .events = 0, .revents = 0};
  return ::poll(&state, 1, 0) == 1 && (state.revents & POLLERR) != 0;
}

TEST_CASE("FAULTS 17: a datagram of 0 bytes is not an end") {
  ChannelPair pair;
  REQUIRE(send_raw(pair.worker, {}) == 0);
  REQUIRE(pair.worker.send(kIdleRecord) == SendStatus::kSent);
  CHECK(Received(pair.supervisor).status == ReceiveStatus::kZeroLength);
  CHECK(Received(pair.supervisor).records == std::vector<Record>{kIdleRecord});
  CHECK(Received(pair.supervisor).status == ReceiveStatus::kEmpty);
}

TEST_CASE("FAULTS 17: a datagram of 0 bytes does not hide what a dead peer sent behind it") {
  ChannelPair pair;
  REQUIRE(send_raw(pair.worker, {}) == 0);
  REQUIRE(pair.worker.send(kIdleRecord) == SendStatus::kSent);
  pair.worker.close();
  CHECK(Received(pair.supervisor).status == ReceiveStatus::kZeroLength);
  CHECK(Received(pair.supervisor).records == std::vector<Record>{kIdleRecord});
  CHECK(Received(pair.supervisor).status == ReceiveStatus::kEnd);
}

TEST_CASE("the end comes after everything that the peer sent, and every later receive() reports it, too") {
  ChannelPair pair;
  REQUIRE(pair.worker.send(kBusyRecord) == SendStatus::kSent);
  pair.worker.close();
  CHECK(Received(pair.supervisor).records == std::vector<Record>{kBusyRecord});
  CHECK(Received(pair.supervisor).status == ReceiveStatus::kEnd);
  CHECK(Received(pair.supervisor).status == ReceiveStatus::kEnd);
}

TEST_CASE("a peer that is killed ends the channel") {
  ChannelPair pair;
  let_worker_die(pair);
  CHECK(Received(pair.supervisor).status == ReceiveStatus::kEnd);
}

TEST_CASE("FAULTS 6: the last records of a peer that died with ours unread are still delivered") {
  ChannelPair pair;
  REQUIRE(pair.worker.send(kBusyRecord) == SendStatus::kSent);
  REQUIRE(pair.worker.send(kIdleRecord) == SendStatus::kSent);
  REQUIRE(pair.supervisor.send(Record{.kind = RecordKind::kPing}) == SendStatus::kSent);

  SUBCASE("closed") { pair.worker.close(); }
  SUBCASE("killed") { let_worker_die(pair); }

  CHECK(error_pending(pair.supervisor));
  CHECK(Received(pair.supervisor).records == std::vector<Record>{kBusyRecord});
  CHECK(Received(pair.supervisor).records == std::vector<Record>{kIdleRecord});
  CHECK(Received(pair.supervisor).status == ReceiveStatus::kEnd);
}

TEST_CASE("sending to a dead peer reports kGone and raises no signal") {
  (void)std::signal(SIGPIPE, SIG_DFL);  // the process that starts the tests may ignore it
  ChannelPair pair;
  SUBCASE("closed") { pair.worker.close(); }
  SUBCASE("killed") { let_worker_die(pair); }
  CHECK(pair.supervisor.send(Record{.kind = RecordKind::kDrain}) == SendStatus::kGone);
  CHECK(pair.supervisor.send(Record{.kind = RecordKind::kDrain}) == SendStatus::kGone);
}

TEST_CASE("FAULTS 22: a peer that has shut down its sending half ends the channel, and still receives") {
  ChannelPair pair;
  REQUIRE(pair.worker.send(kBusyRecord) == SendStatus::kSent);
  REQUIRE(::shutdown(pair.worker.descriptor(), SHUT_WR) == 0);
  CHECK(Received(pair.supervisor).records == std::vector<Record>{kBusyRecord});
  CHECK(Received(pair.supervisor).status == ReceiveStatus::kEnd);
  CHECK(pair.supervisor.send(Record{.kind = RecordKind::kDrain}) == SendStatus::kSent);
  CHECK(Received(pair.worker).status == ReceiveStatus::kDatagram);
}

TEST_CASE(
    "FAULTS 22: a peer that has shut down its receiving half cannot be sent to; its records still arrive") {
  ChannelPair pair;
  REQUIRE(::shutdown(pair.worker.descriptor(), SHUT_RD) == 0);
  CHECK(pair.supervisor.send(Record{.kind = RecordKind::kDrain}) == SendStatus::kGone);
  REQUIRE(pair.worker.send(kIdleRecord) == SendStatus::kSent);
  CHECK(Received(pair.supervisor).records == std::vector<Record>{kIdleRecord});
  CHECK(Received(pair.supervisor).status == ReceiveStatus::kEmpty);
}

TEST_CASE("FAULTS 18: a datagram of 200 KB is reported as truncated, and the next one is read as usual") {
  ChannelPair pair;
  REQUIRE(send_raw(pair.worker, std::vector<std::byte>(200'000)) == 0);
  REQUIRE(pair.worker.send(kIdleRecord) == SendStatus::kSent);
  CHECK(Received(pair.supervisor).status == ReceiveStatus::kTruncated);
  CHECK(Received(pair.supervisor).records == std::vector<Record>{kIdleRecord});
}

TEST_CASE("FAULTS 18: a datagram of the maximum size is whole; with one byte more it is truncated") {
  ChannelPair pair;
  REQUIRE(send_raw(pair.worker, std::vector<std::byte>(kMaxDatagramSize + 1)) == 0);
  CHECK(Received(pair.supervisor).status == ReceiveStatus::kTruncated);
  REQUIRE(pair.worker.send(std::vector<Record>(kMaxRecordsPerDatagram)) == SendStatus::kSent);
  CHECK(Received(pair.supervisor).status == ReceiveStatus::kDatagram);
}

TEST_CASE("a truncated datagram leaves no bytes to be read by mistake") {
  ChannelPair pair;
  REQUIRE(send_raw(pair.worker, std::vector<std::byte>(kMaxDatagramSize + 32)) == 0);
  CHECK(Received(pair.supervisor).datagram->bytes().empty());
}

}  // namespace
}  // namespace prefork
