#include "proto/record.h"

#include <doctest/doctest.h>

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "proto/text_record.h"

namespace prefork {
namespace {

std::vector<unsigned> bytes_of(const Record& record) {
  std::array<std::byte, kRecordSize> block;
  block.fill(std::byte{0xee});
  encode(record, block);
  std::vector<unsigned> numbers;
  numbers.reserve(kRecordSize);
  for (const std::byte byte : block) numbers.push_back(std::to_integer<unsigned>(byte));
  return numbers;
}

TEST_CASE("a record is 32 bytes, little-endian, each field at its offset") {
  const Record record{.kind = RecordKind::kConnection,
                      .flags = 0x1122,
                      .value = 0x33445566,
                      .ticket = 0x0102030405060708,
                      .time_ns = 0x1112131415161718,
                      .wait_us = 0x21222324};
  const std::vector<unsigned> expected = {
      0x02, 0x00,                                      // kind
      0x22, 0x11,                                      // flags
      0x66, 0x55, 0x44, 0x33,                          // value
      0x08, 0x07, 0x06, 0x05, 0x04, 0x03, 0x02, 0x01,  // ticket
      0x18, 0x17, 0x16, 0x15, 0x14, 0x13, 0x12, 0x11,  // time_ns
      0x24, 0x23, 0x22, 0x21,                          // wait_us
      0x00, 0x00, 0x00, 0x00,                          // zero
  };
  CHECK(bytes_of(record) == expected);
}

TEST_CASE("every kind has its number, its name and its direction") {
  struct Row {
    const char* name;
    unsigned number;
    RecordKind kind;
    bool from_supervisor;
    bool carries_descriptor;
  };
  const Row rows[] = {
      {"Ready", 1, RecordKind::kReady, false, false},
      {"Connection", 2, RecordKind::kConnection, true, true},
      {"Busy", 3, RecordKind::kBusy, false, false},
      {"Refused", 4, RecordKind::kRefused, false, false},
      {"Idle", 5, RecordKind::kIdle, false, false},
      {"Park", 6, RecordKind::kPark, false, false},
      {"Progress", 7, RecordKind::kProgress, false, false},
      {"Note", 8, RecordKind::kNote, false, false},
      {"Ping", 9, RecordKind::kPing, true, false},
      {"Pong", 10, RecordKind::kPong, false, false},
      {"Drain", 11, RecordKind::kDrain, true, false},
      {"Fork", 12, RecordKind::kFork, true, true},
      {"Load", 13, RecordKind::kLoad, false, false},
      {"Yield", 14, RecordKind::kYield, true, false},
      {"Leave", 15, RecordKind::kLeave, false, false},
  };
  for (const Row& row : rows) {
    CAPTURE(row.name);
    CHECK(bytes_of(Record{.kind = row.kind})[0] == row.number);
    CHECK(to_string(row.kind) == row.name);
    CHECK(from_supervisor(row.kind) == row.from_supervisor);
    CHECK(carries_descriptor(row.kind) == row.carries_descriptor);
  }
}

TEST_CASE("a note is a record with the length of the text in the blocks behind it") {
  const std::vector<std::byte> one = encode_note("resizing cat.png");
  REQUIRE(one.size() == 2 * kRecordSize);
  CHECK(std::to_integer<unsigned>(one[0]) == 8);
  CHECK(std::to_integer<unsigned>(one[4]) == 16);
  CHECK(one[kRecordSize] == std::byte{'r'});
  CHECK(one[kRecordSize + 15] == std::byte{'g'});
  CHECK(one[kRecordSize + 16] == std::byte{0});

  CHECK(encode_note(std::string(32, 'x')).size() == 2 * kRecordSize);
  CHECK(encode_note(std::string(33, 'x')).size() == 3 * kRecordSize);
}

std::vector<unsigned> numbers(std::span<const std::byte> bytes) {
  std::vector<unsigned> all;
  for (const std::byte byte : bytes) all.push_back(std::to_integer<unsigned>(byte));
  return all;
}

TEST_CASE("a Park has the length of its memo as value, and a Connection in the upper bits of its flags") {
  const TextRecord park(Record{.kind = RecordKind::kPark, .ticket = 17}, "user=7");
  std::vector<unsigned> expected = {6, 0, 0, 0, 6, 0, 0, 0, 17};
  expected.resize(kRecordSize);
  for (const char byte : {'u', 's', 'e', 'r', '=', '7'}) expected.push_back(static_cast<unsigned>(byte));
  expected.resize(2 * kRecordSize);
  CHECK(numbers(park.bytes()) == expected);

  const TextRecord connection(
      Record{.kind = RecordKind::kConnection, .flags = kMayPark | kCopyKept, .value = 3, .ticket = 17},
      "user=7");
  expected[0] = 2;
  expected[2] = 9;
  expected[3] = 6;
  expected[4] = 3;
  CHECK(numbers(connection.bytes()) == expected);
}

TEST_CASE("a record without a memo has one block, and one with the longest has eight") {
  CHECK(TextRecord(Record{.kind = RecordKind::kPark}, "").bytes().size() == kRecordSize);
  CHECK(TextRecord(Record{.kind = RecordKind::kPark}, std::string(224, 'x')).bytes().size() ==
        8 * kRecordSize);
}

TEST_CASE("a note beyond the maximum length is cut") {
  const std::vector<std::byte> note = encode_note(std::string(1000, 'x'));
  CHECK(note.size() == kRecordSize + kMaxNoteLength);
  DatagramReader reader(note);
  const auto message = reader.next();
  REQUIRE(message);
  CHECK(message->text == std::string(kMaxNoteLength, 'x'));
}

}  // namespace
}  // namespace prefork
