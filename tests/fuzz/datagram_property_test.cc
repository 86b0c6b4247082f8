#include "tests/fuzz/datagram_property.h"

#include <doctest/doctest.h>

#include <cstddef>
#include <cstdint>
#include <random>
#include <vector>

#include "proto/record.h"
#include "proto/text_record.h"

namespace prefork {
namespace {

using test::broken_property;

// Seeded with a constant, so that a failure comes back: the seed is the same, and so are the bytes.
class RandomBytes {
 public:
  explicit RandomBytes(unsigned seed) : random_(seed) {}

  std::size_t below(std::size_t limit) { return random_() % limit; }
  std::vector<std::byte> bytes(std::size_t size) {
    std::vector<std::byte> result(size);
    for (std::byte& byte : result) byte = static_cast<std::byte>(random_() & 0xff);
    return result;
  }
  /// A datagram as it might be sent, notes and memos among its records.
  std::vector<std::byte> datagram() {
    std::vector<std::byte> result;
    while (result.size() < kMaxDatagramSize / 4 && below(8) != 0) {
      const auto kind = static_cast<RecordKind>(1 + below(12));
      const Record record{
          .kind = kind, .value = static_cast<std::uint32_t>(below(300)), .ticket = below(1000)};
      std::vector<std::byte> next(kRecordSize);
      encode(record, std::span(next).first<kRecordSize>());
      if (kind == RecordKind::kNote || kind == RecordKind::kPark || kind == RecordKind::kConnection) {
        const TextRecord with_text(record, std::string(1 + below(kMaxNoteLength), 'n'));
        next.assign(with_text.bytes().begin(), with_text.bytes().end());
      }
      result.insert(result.end(), next.begin(), next.end());
    }
    return result;
  }

 private:
  std::mt19937 random_;
};

TEST_CASE("FAULTS 15: random bytes of every size are read or refused, and nothing beside") {
  RandomBytes random(1);
  for (std::size_t size = 0; size < 2 * kMaxDatagramSize; ++size) {
    CAPTURE(size);
    REQUIRE(broken_property(random.bytes(size)) == "");
  }
}

TEST_CASE("FAULTS 15: random datagrams are read in full") {
  RandomBytes random(2);
  for (int round = 0; round < 20'000; ++round) {
    CAPTURE(round);
    const std::vector<std::byte> bytes = random.datagram();
    REQUIRE(broken_property(bytes) == "");
    DatagramReader reader(bytes);
    while (reader.next()) {
    }
    REQUIRE(reader.malformed().empty() == !bytes.empty());
  }
}

TEST_CASE("FAULTS 15: random datagrams with some bytes changed or cut are read up to what is wrong") {
  RandomBytes random(3);
  for (int round = 0; round < 20'000; ++round) {
    CAPTURE(round);
    std::vector<std::byte> bytes = random.datagram();
    for (std::size_t changes = random.below(4); changes > 0 && !bytes.empty(); --changes) {
      bytes[random.below(bytes.size())] = static_cast<std::byte>(random.below(256));
    }
    if (random.below(8) == 0) bytes.resize(random.below(bytes.size() + 1));
    REQUIRE(broken_property(bytes) == "");
  }
}

}  // namespace
}  // namespace prefork
