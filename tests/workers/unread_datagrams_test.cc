// What the kernel tells of the datagrams that a worker has not received.
#include "supervisor/workers/unread_datagrams.h"

#include <doctest/doctest.h>
#include <sys/socket.h>

#include <array>
#include <cstddef>
#include <string>

#include "proto/text_record.h"
#include "tests/proto/channel_pair.h"

namespace prefork {
namespace {

using test::ChannelPair;
using test::Received;

TEST_CASE("datagrams that were sent and not received are counted, with a descriptor or without") {
  const UnreadDatagrams unread;
  ChannelPair pair;
  ChannelPair other;
  CHECK(unread.of(pair.supervisor) == 0);
  const Fd attached = other.worker.release();
  for (std::uint32_t sent = 1; sent <= 10; ++sent) {
    REQUIRE((sent % 2 == 0 ? pair.supervisor.send(Record{}) : pair.supervisor.send(Record{}, attached)) ==
            SendStatus::kSent);
    CHECK(unread.of(pair.supervisor) == sent);
  }
  for (std::uint32_t left = 10; left-- > 0;) {
    CHECK(Received(pair.worker).status == ReceiveStatus::kDatagram);
    CHECK(unread.of(pair.supervisor) == left);
  }
}

TEST_CASE("FAULTS 313: with memos, never more datagrams are counted than were not received") {
  const UnreadDatagrams unread;
  ChannelPair pair(/*send_buffer=*/100'000);
  ChannelPair other;
  const Fd attached = other.worker.release();
  std::uint32_t sent = 0;
  for (const std::size_t length : {0U, 1U, 32U, 33U, 64U, 100U, 128U, 129U, 192U, 193U, 224U}) {
    const TextRecord record(Record{.kind = RecordKind::kConnection}, std::string(length, 'x'));
    REQUIRE(pair.supervisor.send(record.bytes(), attached) == SendStatus::kSent);
    ++sent;
    CAPTURE(length);
    CHECK(unread.of(pair.supervisor, UnreadDatagrams::Sizes::kWithMemos).value() <= sent);
  }
  CHECK(unread.of(pair.supervisor, UnreadDatagrams::Sizes::kWithMemos).value() > 0);
  while (Received(pair.worker).status == ReceiveStatus::kDatagram) {
  }
  CHECK(unread.of(pair.supervisor, UnreadDatagrams::Sizes::kWithMemos) == 0);
}

TEST_CASE("FAULTS 120: a datagram that was only peeked at is not received") {
  const UnreadDatagrams unread;
  ChannelPair pair;
  REQUIRE(pair.supervisor.send(Record{}) == SendStatus::kSent);
  std::array<std::byte, kRecordSize> bytes;
  REQUIRE(::recv(pair.worker.descriptor(), bytes.data(), bytes.size(), MSG_PEEK) ==
          static_cast<ssize_t>(kRecordSize));
  CHECK(unread.of(pair.supervisor) == 1);
}

TEST_CASE("what a worker sends does not count, and a channel whose worker is gone holds nothing") {
  const UnreadDatagrams unread;
  ChannelPair pair;
  REQUIRE(pair.worker.send(Record{}) == SendStatus::kSent);
  CHECK(unread.of(pair.supervisor) == 0);
  REQUIRE(pair.supervisor.send(Record{}) == SendStatus::kSent);
  pair.worker.close();
  CHECK(unread.of(pair.supervisor) == 0);
}

}  // namespace
}  // namespace prefork
