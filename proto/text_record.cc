#include "proto/text_record.h"

#include <algorithm>
#include <cstdint>

namespace prefork {

TextRecord::TextRecord(Record record, std::string_view text) {
  text = text.substr(0, kMaxNoteLength);
  if (record.kind == RecordKind::kConnection) {
    constexpr unsigned kFlags = (1U << kMemoLengthShift) - 1;
    record.flags = static_cast<std::uint16_t>((record.flags & kFlags) | (text.size() << kMemoLengthShift));
  } else {
    record.value = static_cast<std::uint32_t>(text.size());
  }
  encode(record, std::span(bytes_).first<kRecordSize>());
  const auto behind = bytes_.begin() + kRecordSize;
  const auto end = std::transform(text.begin(), text.end(), behind,
                                  [](char byte) { return static_cast<std::byte>(byte); });
  size_ = kRecordSize + whole_blocks(text.size());
  std::fill(end, bytes_.begin() + static_cast<std::ptrdiff_t>(size_), std::byte{0});
}

}  // namespace prefork
