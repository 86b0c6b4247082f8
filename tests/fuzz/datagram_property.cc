#include "tests/fuzz/datagram_property.h"

#include <algorithm>
#include <array>

#include "proto/record.h"

namespace prefork::test {
namespace {

constexpr std::size_t whole_blocks(std::size_t size) {
  return (size + kRecordSize - 1) / kRecordSize * kRecordSize;
}

/// What is wrong with one message that was read from the beginning of `rest`.
std::string broken_message(const Message& message, std::span<const std::byte> rest) {
  std::array<std::byte, kRecordSize> block;
  encode(message.record, block);
  if (rest.size() < kRecordSize || !std::equal(block.begin(), block.end(), rest.begin())) {
    return "a record is not what its bytes say";
  }
  const std::span<const std::byte> behind = rest.subspan(kRecordSize);
  if (message.record.kind != RecordKind::kNote) return message.text.empty() ? "" : "a text without a Note";
  if (message.text.size() != message.record.value || message.text.size() > kMaxNoteLength ||
      whole_blocks(message.text.size()) > behind.size()) {
    return "a Note's text has another length than its record says, or more bytes than there are";
  }
  if (reinterpret_cast<const std::byte*>(message.text.data()) != behind.data()) {
    return "a Note's text is not in the blocks behind its record";
  }
  return "";
}

}  // namespace

std::string broken_property(std::span<const std::byte> bytes) {
  DatagramReader reader(bytes);
  std::span<const std::byte> rest = bytes;
  while (const auto message = reader.next()) {
    std::string broken = broken_message(*message, rest);
    if (!broken.empty()) return broken;
    rest = rest.subspan(kRecordSize + whole_blocks(message->text.size()));
  }
  if (reader.next()) return "a reader that was done gave one more message";
  if (reader.malformed().empty() != rest.empty() && !bytes.empty()) {
    return "a datagram is well-formed when all of its bytes were read, and only then";
  }
  if (bytes.size() > kMaxDatagramSize && rest.size() != bytes.size()) return "an oversized datagram was read";
  return "";
}

}  // namespace prefork::test
