// Appends CBOR (RFC 8949) to a string: only the kinds of items that a state is made of. snapshot_writer.h
// turns values into calls of this.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

namespace prefork {

class CborWriter {
 public:
  /// `bytes` must outlive the writer.
  explicit CborWriter(std::string& bytes) : bytes_(bytes) {}

  void integer(std::int64_t value);
  void real(double value);
  /// Text of any bytes: what reads it does not check for UTF-8.
  void text(std::string_view value);
  void null() { byte(0xf6); }
  /// `size` items follow.
  void list(std::size_t size) { head(4, size); }
  /// Pairs of a text and an item follow, and then end_map().
  void begin_map() { byte(0xbf); }
  void end_map() { byte(0xff); }
  /// One whole item that is CBOR already.
  void encoded(std::string_view item) { bytes_.append(item); }

 private:
  void byte(unsigned value) { bytes_.push_back(static_cast<char>(value)); }
  void big_endian(std::uint64_t value, unsigned size);
  void head(unsigned major, std::uint64_t value);

  std::string& bytes_;
};

}  // namespace prefork
