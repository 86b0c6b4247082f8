#include "tests/fuzz/datagram_property.h"

#include <algorithm>
#include <array>

#include "proto/record.h"
#include "proto/text_record.h"

namespace prefork::test {
namespace {

/// What is wrong with one message that was read from the beginning of `rest`.
std::string broken_message(const Message& message, std::span<const std::byte> rest) {
  std::array<std::byte, kRecordSize> block;
  encode(message.record, block);
  if (rest.size() < kRecordSize || !std::equal(block.begin(), block.end(), rest.begin())) {
    return "a record is not what its bytes say";
  }
  const std::span<const std::byte> behind = rest.subspan(kRecordSize);
  if (message.record.kind == RecordKind::kNote && message.text.empty()) return "a Note without a text";
  if (message.text.size() != text_length(message.record) || message.text.size() > kMaxNoteLength ||
      whole_blocks(message.text.size()) > behind.size()) {
    return "a text has another length than its record says, or more bytes than there are";
  }
  if (!message.text.empty() && reinterpret_cast<const std::byte*>(message.text.data()) != behind.data()) {
    return "a text is not in the blocks behind its record";
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
