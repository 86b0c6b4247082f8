#include "proto/channel.h"

#include <doctest/doctest.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cstddef>
#include <memory>
#include <optional>
#include <utility>
#include <vector>

#include "tests/proto/channel_pair.h"
#include "tests/proto/open_descriptors.h"

namespace prefork {
namespace {

using test::ChannelPair;
using test::Received;

bool writable(const Channel& channel) {
  pollfd state{.fd = channel.descriptor(), .events = POLLOUT, .revents = 0};
  return ::poll(&state, 1, 0) == 1 && (state.revents & POLLOUT) != 0;
}

TEST_CASE("a record arrives as it was sent, in both directions") {
  ChannelPair pair;
  const Record down{.kind = RecordKind::kPing, .ticket = 5};
  const Record up{.kind = RecordKind::kPong, .ticket = 5};
  CHECK(pair.supervisor.send(down) == SendStatus::kSent);
  CHECK(pair.worker.send(up) == SendStatus::kSent);
  CHECK(Received(pair.worker).records == std::vector<Record>{down});
  CHECK(Received(pair.supervisor).records == std::vector<Record>{up});
}

TEST_CASE("each datagram is received by itself, in the order of sending") {
  ChannelPair pair;
  const std::vector<Record> both = {{.kind = RecordKind::kIdle, .ticket = 1},
                                    {.kind = RecordKind::kBusy, .ticket = 2}};
  CHECK(pair.worker.send(both) == SendStatus::kSent);
  CHECK(pair.worker.send(both[0]) == SendStatus::kSent);
  CHECK(Received(pair.supervisor).records == both);
  CHECK(Received(pair.supervisor).records.size() == 1);
  CHECK(Received(pair.supervisor).status == ReceiveStatus::kEmpty);
}

TEST_CASE("receive() on an empty channel returns at once") {
  ChannelPair pair;
  CHECK(Received(pair.supervisor).status == ReceiveStatus::kEmpty);
}

TEST_CASE("a datagram of 64 records passes; 0 and 65 records are refused before they are sent") {
  ChannelPair pair;
  CHECK(pair.worker.send(std::vector<Record>(64)) == SendStatus::kSent);
  CHECK(Received(pair.supervisor).records.size() == 64);
  CHECK(pair.worker.send(std::vector<Record>()) == SendStatus::kInvalid);
  CHECK(pair.worker.send(std::vector<Record>(65)) == SendStatus::kInvalid);
  CHECK(Received(pair.supervisor).status == ReceiveStatus::kEmpty);
}

TEST_CASE("a note passes with its text") {
  ChannelPair pair;
  CHECK(pair.worker.send(encode_note("thinking")) == SendStatus::kSent);
  CHECK(Received(pair.supervisor).text == "thinking");
}

TEST_CASE(
    "FAULTS 33: a peer that does not read fills its channel, which is writable again once it has read") {
  ChannelPair pair(1);  // the kernel raises this to its minimum
  int sent = 0;
  SendStatus status = SendStatus::kSent;
  while ((status = pair.supervisor.send(Record{.kind = RecordKind::kPing})) == SendStatus::kSent &&
         sent < 10'000) {
    ++sent;
  }
  CHECK(status == SendStatus::kFull);
  CHECK(sent > 0);
  CHECK(sent < 32);
  CHECK_FALSE(writable(pair.supervisor));

  for (int i = 0; i < sent; ++i) CHECK(Received(pair.worker).status == ReceiveStatus::kDatagram);
  CHECK(writable(pair.supervisor));
  CHECK(pair.supervisor.send(Record{.kind = RecordKind::kPing}) == SendStatus::kSent);
}

TEST_CASE("a bounded send buffer bounds only the first end of the pair") {
  ChannelPair pair(1);
  for (int i = 0; i < 64; ++i)
    CHECK(pair.worker.send(Record{.kind = RecordKind::kIdle}) == SendStatus::kSent);
}

TEST_CASE("both ends are born close-on-exec") {
  ChannelPair pair;
  CHECK(test::is_close_on_exec(pair.supervisor.descriptor()));
  CHECK(test::is_close_on_exec(pair.worker.descriptor()));
}

TEST_CASE("a released end stays open and the channel is closed without it") {
  ChannelPair pair;
  const Fd end = pair.worker.release();
  CHECK_FALSE(pair.worker.open());
  CHECK(test::is_open(end.get()));
  CHECK(pair.supervisor.send(Record{.kind = RecordKind::kDrain}) == SendStatus::kSent);
}

TEST_CASE("sending on a channel that is closed on this side is kInvalid, not kGone") {
  Channel closed;
  CHECK(closed.send(Record{}) == SendStatus::kInvalid);
}

TEST_CASE("with identify_sender() the kernel reports the pid of the sender") {
  ChannelPair pair;
  REQUIRE(pair.worker.send(Record{}) == SendStatus::kSent);
  CHECK_FALSE(Received(pair.supervisor).datagram->sender());

  REQUIRE(pair.supervisor.identify_sender(true));
  REQUIRE(pair.worker.send(Record{}) == SendStatus::kSent);
  {
    const Received received(pair.supervisor);
    CHECK(received.datagram->sender() == ::getpid());
    const std::optional<Fd> pidfd = received.datagram->take_sender_pidfd();
    if (pidfd) CHECK(pidfd->valid());  // since Linux 6.5
    CHECK_FALSE(received.datagram->take_sender_pidfd());
  }

  REQUIRE(pair.supervisor.identify_sender(false));
  REQUIRE(pair.worker.send(Record{}) == SendStatus::kSent);
  CHECK_FALSE(Received(pair.supervisor).datagram->sender());
}

}  // namespace
}  // namespace prefork
