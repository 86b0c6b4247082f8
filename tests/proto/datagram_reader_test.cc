#include <doctest/doctest.h>

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "proto/record.h"
#include "proto/text_record.h"

namespace prefork {
namespace {

using Bytes = std::vector<std::byte>;

Bytes encoded(const std::vector<Record>& records) {
  Bytes bytes(records.size() * kRecordSize);
  for (std::size_t i = 0; i < records.size(); ++i) {
    encode(records[i], std::span(bytes).subspan(i * kRecordSize).first<kRecordSize>());
  }
  return bytes;
}

/// The records that a reader finds in a datagram.
struct Reading {
  std::vector<Record> records;
  std::vector<std::string> texts;
  std::string malformed;
};

Reading read_all(const Bytes& bytes) {
  Reading reading;
  DatagramReader reader(bytes);
  while (const auto message = reader.next()) {
    reading.records.push_back(message->record);
    if (!message->text.empty()) reading.texts.emplace_back(message->text);
  }
  CHECK_FALSE(reader.next());
  reading.malformed = reader.malformed();
  return reading;
}

Bytes note_claiming(std::uint32_t length, std::size_t blocks_behind) {
  Bytes bytes = encoded({Record{.kind = RecordKind::kNote, .value = length}});
  bytes.resize(bytes.size() + blocks_behind * kRecordSize);
  return bytes;
}

TEST_CASE("encoded records are read back, field by field and in order") {
  const std::vector<Record> records = {
      {.kind = RecordKind::kReady, .value = kProtocolVersion, .ticket = 4},
      {.kind = RecordKind::kBusy,
       .flags = 0xffff,
       .value = 0xffffffff,
       .ticket = 0xffffffffffffffff,
       .time_ns = 0xffffffffffffffff,
       .wait_us = 0xffffffff},
      {.kind = RecordKind::kIdle, .ticket = 0x0102030405060708},
  };
  const Reading reading = read_all(encoded(records));
  CHECK(reading.records == records);
  CHECK(reading.malformed.empty());
}

TEST_CASE("a datagram holds up to 64 records") {
  const Reading reading = read_all(encoded(std::vector<Record>(64, Record{.kind = RecordKind::kIdle})));
  CHECK(reading.records.size() == 64);
  CHECK(reading.malformed.empty());
}

TEST_CASE("a note is read with its text, and so are the records behind it") {
  Bytes bytes = encode_note("working");
  const Bytes behind = encoded({Record{.kind = RecordKind::kIdle, .ticket = 9}});
  bytes.insert(bytes.end(), behind.begin(), behind.end());
  const Reading reading = read_all(bytes);
  REQUIRE(reading.records.size() == 2);
  CHECK(reading.texts == std::vector<std::string>{"working"});
  CHECK(reading.records[1].ticket == 9);
  CHECK(reading.malformed.empty());
}

TEST_CASE("a note's text is read as it was sent, with any bytes") {
  const std::string text("\x1b[2J\0\xff\n", 7);
  CHECK(read_all(encode_note(text)).texts == std::vector<std::string>{text});
}

TEST_CASE("FAULTS 15: a datagram whose size is not 1 to 64 blocks is malformed and gives no record") {
  for (const std::size_t size : {0UL, 1UL, 31UL, 33UL, 63UL, 65UL * 32, 4096UL}) {
    CAPTURE(size);
    Bytes bytes(size);
    if (size >= kRecordSize) encode(Record{.kind = RecordKind::kIdle}, std::span(bytes).first<kRecordSize>());
    const Reading reading = read_all(bytes);
    CHECK(reading.records.empty());
    CHECK(reading.malformed ==
          "a datagram of " + std::to_string(size) + " bytes; allowed are 1 to 64 blocks of 32");
  }
}

TEST_CASE("FAULTS 15: a record of unknown kind is malformed; the records before it are read") {
  for (const unsigned kind : {0U, 16U, 255U, 256U, 0x0101U, 0xffffU}) {
    CAPTURE(kind);
    Bytes bytes = encoded({Record{.kind = RecordKind::kBusy}, Record{.kind = RecordKind::kIdle}, Record{}});
    bytes[kRecordSize] = static_cast<std::byte>(kind & 0xff);
    bytes[kRecordSize + 1] = static_cast<std::byte>(kind >> 8);
    const Reading reading = read_all(bytes);
    CHECK(reading.records == std::vector<Record>{Record{.kind = RecordKind::kBusy}});
    CHECK(reading.malformed == "a record of unknown kind " + std::to_string(kind));
  }
}

TEST_CASE("FAULTS 15: a record whose last four bytes are not zero is malformed") {
  for (std::size_t offset = 28; offset < kRecordSize; ++offset) {
    CAPTURE(offset);
    Bytes bytes = encoded({Record{.kind = RecordKind::kIdle}});
    bytes[offset] = std::byte{1};
    const Reading reading = read_all(bytes);
    CHECK(reading.records.empty());
    CHECK(reading.malformed == "a record whose last four bytes are not zero");
  }
}

TEST_CASE("FAULTS 15: a note that is empty, too long, or longer than its datagram is malformed") {
  struct Claim {
    std::uint32_t length;
    std::size_t blocks_behind;
  };
  for (const Claim claim :
       {Claim{0, 0}, {0, 1}, {1, 0}, {33, 1}, {225, 8}, {224, 6}, {0xffffffff, 63}, {0xffffffe0, 63}}) {
    CAPTURE(claim.length);
    CAPTURE(claim.blocks_behind);
    const Reading reading = read_all(note_claiming(claim.length, claim.blocks_behind));
    CHECK(reading.records.empty());
    CHECK(reading.malformed == "a Note of length " + std::to_string(claim.length) +
                                   "; allowed are 1 to 224, in blocks that follow in the same datagram");
  }
}

TEST_CASE("the memos of a Park and a Connection are read, and so are the records behind them") {
  const std::string memo("\0\xff\x0b", 3);
  for (const RecordKind kind : {RecordKind::kPark, RecordKind::kConnection}) {
    CAPTURE(to_string(kind));
    const TextRecord first(Record{.kind = kind, .ticket = 5}, memo);
    Bytes bytes(first.bytes().begin(), first.bytes().end());
    const Bytes behind = encoded({Record{.kind = kind, .ticket = 6}, Record{.kind = RecordKind::kIdle}});
    bytes.insert(bytes.end(), behind.begin(), behind.end());
    const Reading reading = read_all(bytes);
    REQUIRE(reading.records.size() == 3);
    CHECK(reading.records[1].ticket == 6);
    CHECK(reading.texts == std::vector<std::string>{memo});
    CHECK(reading.malformed.empty());
  }
}

TEST_CASE("FAULTS 310: a memo that is too long, or longer than its datagram, is malformed") {
  struct Claim {
    std::uint32_t length;
    std::size_t blocks_behind;
  };
  for (const Claim claim : {Claim{1, 0}, {33, 1}, {225, 8}, {224, 6}, {255, 63}, {0xffffffff, 63}}) {
    CAPTURE(claim.length);
    Bytes park = encoded({Record{.kind = RecordKind::kPark, .value = claim.length}});
    park.resize(park.size() + claim.blocks_behind * kRecordSize);
    const Reading reading = read_all(park);
    CHECK(reading.records.empty());
    CHECK(reading.malformed == "a Park with a memo of length " + std::to_string(claim.length) +
                                   "; allowed are 0 to 224, in blocks that follow in the same datagram");
    if (claim.length > 255) continue;
    Bytes connection = encoded(
        {Record{.kind = RecordKind::kConnection, .flags = static_cast<std::uint16_t>(claim.length << 8U)}});
    connection.resize(park.size());
    CHECK(read_all(connection).malformed ==
          "a Connection with a memo of length " + std::to_string(claim.length) +
              "; allowed are 0 to 224, in blocks that follow in the same datagram");
  }
}

TEST_CASE("a note of the maximum length that fits its datagram exactly is well-formed") {
  const Reading reading = read_all(note_claiming(224, 7));
  CHECK(reading.records.size() == 1);
  CHECK(reading.malformed.empty());
}

}  // namespace
}  // namespace prefork
