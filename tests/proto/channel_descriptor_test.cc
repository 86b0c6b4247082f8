// Descriptors sent over a channel: each one has an owner or is closed.
#include <doctest/doctest.h>
#include <fcntl.h>
#include <sys/socket.h>

#include <array>
#include <cerrno>
#include <cstddef>
#include <vector>

#include "proto/channel.h"
#include "proto/fd.h"
#include "tests/proto/channel_pair.h"
#include "tests/proto/open_descriptors.h"

namespace prefork {
namespace {

using test::ChannelPair;
using test::NoMoreDescriptors;
using test::open_descriptors;
using test::Received;
using test::same_file;
using test::send_raw;

const Record kConnectionRecord{.kind = RecordKind::kConnection, .ticket = 1};
/// A Ready record, for send_raw().
const std::array<std::byte, kRecordSize> kSomeBytes{std::byte{1}};

Fd some_file(const char* path = "/dev/null") { return Fd(::open(path, O_RDONLY | O_CLOEXEC)); }

TEST_CASE("a descriptor arrives with its record, as a close-on-exec copy") {
  ChannelPair pair;
  const Fd file = some_file();
  REQUIRE(pair.supervisor.send(kConnectionRecord, file) == SendStatus::kSent);
  CHECK(file.valid());

  Received received(pair.worker);
  REQUIRE(received.records == std::vector<Record>{kConnectionRecord});
  REQUIRE(received.datagram->descriptors() == 1);
  const Fd copy = received.datagram->take_descriptor();
  CHECK(copy.get() != file.get());
  CHECK(same_file(copy.get(), file.get()));
  CHECK(test::is_close_on_exec(copy.get()));
  CHECK(received.datagram->descriptors() == 0);
  CHECK_FALSE(received.datagram->take_descriptor().valid());
}

TEST_CASE("send() with a descriptor that is not valid sends nothing") {
  ChannelPair pair;
  CHECK(pair.supervisor.send(kConnectionRecord, Fd()) == SendStatus::kInvalid);
  CHECK(Received(pair.worker).status == ReceiveStatus::kEmpty);
}

TEST_CASE("descriptors are taken in the order in which they were attached") {
  ChannelPair pair;
  const Fd null = some_file("/dev/null");
  const Fd zero = some_file("/dev/zero");
  const int both[] = {null.get(), zero.get()};
  REQUIRE(send_raw(pair.supervisor, kSomeBytes, both) == 0);
  Received received(pair.worker);
  const Fd first = received.datagram->take_descriptor();
  const Fd second = received.datagram->take_descriptor();
  CHECK(same_file(first.get(), null.get()));
  CHECK(same_file(second.get(), zero.get()));
}

TEST_CASE("FAULTS 20: descriptors that are not taken are closed, at the latest by the next receive()") {
  ChannelPair pair;
  const Fd file = some_file();
  Datagram datagram;
  const std::size_t before = open_descriptors();
  for (const std::size_t count : {1UL, 2UL, 3UL, 253UL}) {
    CAPTURE(count);
    REQUIRE(send_raw(pair.worker, kSomeBytes, std::vector<int>(count, file.get())) == 0);
    REQUIRE(pair.supervisor.receive(datagram) == ReceiveStatus::kDatagram);
    CHECK(datagram.descriptors() == count);
    CHECK(open_descriptors() == before + count);
    CHECK(pair.supervisor.receive(datagram) == ReceiveStatus::kEmpty);
    CHECK(datagram.descriptors() == 0);
    CHECK(open_descriptors() == before);
  }
}

TEST_CASE("FAULTS 20: a datagram that is destroyed closes its descriptors") {
  ChannelPair pair;
  const Fd file = some_file();
  const std::size_t before = open_descriptors();
  REQUIRE(send_raw(pair.worker, kSomeBytes, std::vector<int>(2, file.get())) == 0);
  { CHECK(Received(pair.supervisor).datagram->descriptors() == 2); }
  CHECK(open_descriptors() == before);
}

TEST_CASE("FAULTS 20: descriptors that arrive with 0 bytes or with 200 KB are closed, too") {
  ChannelPair pair;
  const Fd file = some_file();
  const int attached[] = {file.get()};
  const std::size_t before = open_descriptors();
  REQUIRE(send_raw(pair.worker, {}, attached) == 0);
  REQUIRE(send_raw(pair.worker, std::vector<std::byte>(200'000), attached) == 0);
  { CHECK(Received(pair.supervisor).status == ReceiveStatus::kZeroLength); }
  { CHECK(Received(pair.supervisor).status == ReceiveStatus::kTruncated); }
  CHECK(open_descriptors() == before);
}

TEST_CASE("FAULTS 20: descriptors and the sender's pid arrive together") {
  ChannelPair pair;
  REQUIRE(pair.supervisor.identify_sender(true));
  const Fd file = some_file();
  REQUIRE(send_raw(pair.worker, kSomeBytes, std::vector<int>(253, file.get())) == 0);
  Received received(pair.supervisor);
  CHECK(received.datagram->sender());
  CHECK(received.datagram->descriptors() == 253);
  CHECK_FALSE(received.datagram->descriptors_lost());
}

TEST_CASE(
    "FAULTS 25: a receiver that is out of descriptors gets the record and is told that its descriptor is "
    "lost") {
  ChannelPair pair;
  const Fd file = some_file();
  REQUIRE(pair.supervisor.send(kConnectionRecord, file) == SendStatus::kSent);
  {
    const NoMoreDescriptors limit;
    Received received(pair.worker);
    CHECK(received.records == std::vector<Record>{kConnectionRecord});
    CHECK(received.datagram->descriptors() == 0);
    CHECK(received.datagram->descriptors_lost());
  }
  REQUIRE(pair.supervisor.send(kConnectionRecord, file) == SendStatus::kSent);
  Received received(pair.worker);
  CHECK(received.datagram->descriptors() == 1);
  CHECK_FALSE(received.datagram->descriptors_lost());
}

TEST_CASE("a descriptor in flight when the receiver dies is not lost to its sender") {
  ChannelPair pair;
  const Fd file = some_file();
  REQUIRE(pair.supervisor.send(kConnectionRecord, file) == SendStatus::kSent);
  const std::size_t before = open_descriptors();
  pair.worker.close();
  CHECK(open_descriptors() == before - 1);
  CHECK(test::is_open(file.get()));
}

TEST_CASE("FAULTS 20: after refuse_descriptors() a peer cannot attach any, or they are closed unread") {
  ChannelPair pair;
  pair.supervisor.refuse_descriptors();
  const Fd file = some_file();
  const int attached[] = {file.get()};
  const std::size_t before = open_descriptors();
  const int error = send_raw(pair.worker, kSomeBytes, attached);
  if (error == 0) {  // a kernel without SO_PASSRIGHTS
    CHECK(Received(pair.supervisor).status == ReceiveStatus::kDatagram);
  } else {
    CHECK(error == EPERM);
    CHECK(Received(pair.supervisor).status == ReceiveStatus::kEmpty);
  }
  CHECK(open_descriptors() == before);
  CHECK(pair.worker.send(Record{.kind = RecordKind::kReady}) == SendStatus::kSent);
  CHECK(pair.supervisor.send(kConnectionRecord, file) == SendStatus::kSent);
}

}  // namespace
}  // namespace prefork
