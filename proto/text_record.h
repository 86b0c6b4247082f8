// A record with the text that follows it in whole blocks (a Note, or the memo of a Park or a Connection), as
// the bytes of one datagram. Allocates nothing.
#pragma once

#include <array>
#include <cstddef>
#include <span>
#include <string_view>

#include "proto/record.h"

namespace prefork {

/// The size of a text on the wire, filled up to whole blocks.
[[nodiscard]] constexpr std::size_t whole_blocks(std::size_t length) {
  return (length + kRecordSize - 1) / kRecordSize * kRecordSize;
}

class TextRecord {
 public:
  /// Sets the record's length of the text. Text beyond kMaxNoteLength is cut.
  TextRecord(Record record, std::string_view text);
  [[nodiscard]] std::span<const std::byte> bytes() const { return std::span(bytes_).first(size_); }

 private:
  std::array<std::byte, kRecordSize + kMaxNoteLength> bytes_;
  std::size_t size_;
};

}  // namespace prefork
