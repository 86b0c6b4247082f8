#include "supervisor/core/cbor_writer.h"

#include <array>
#include <bit>

namespace prefork {

void CborWriter::big_endian(std::uint64_t value, unsigned size) {
  std::array<char, sizeof(value)> bytes{};
  for (unsigned i = 0; i < size; ++i) bytes[i] = static_cast<char>(value >> (8 * (size - 1 - i)) & 0xff);
  bytes_.append(bytes.data(), size);
}

void CborWriter::head(unsigned major, std::uint64_t value) {
  const unsigned kind = major << 5;
  if (value < 24) return byte(kind | static_cast<unsigned>(value));
  // Sizes of 1, 2, 4 and 8 bytes are 24, 25, 26 and 27.
  const unsigned power = value <= 0xff ? 0 : value <= 0xffff ? 1 : value <= 0xffffffff ? 2 : 3;
  byte(kind | (24 + power));
  big_endian(value, 1U << power);
}

void CborWriter::integer(std::int64_t value) {
  // A negative number n is kept as -1 - n.
  if (value >= 0) return head(0, static_cast<std::uint64_t>(value));
  head(1, static_cast<std::uint64_t>(-1 - value));
}

void CborWriter::real(double value) {
  byte(0xfb);
  big_endian(std::bit_cast<std::uint64_t>(value), sizeof(value));
}

void CborWriter::text(std::string_view value) {
  head(3, value.size());
  bytes_.append(value);
}

}  // namespace prefork
