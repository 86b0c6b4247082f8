// Headers of the PROXY protocol, as a proxy makes them.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>

namespace prefork::test {

/// 192.0.2.7:56324 and 198.51.100.1:443.
inline const std::string kEnds4("\xc0\0\x02\x07\xc6\x33\x64\x01\xdc\x04\x01\xbb", 12);
/// [2001:db8::7]:56324 and [2001:db8::1]:443.
inline const std::string kEnds6(
    "\x20\x01\x0d\xb8\0\0\0\0\0\0\0\0\0\0\0\x07"
    "\x20\x01\x0d\xb8\0\0\0\0\0\0\0\0\0\0\0\x01\xdc\x04\x01\xbb",
    36);

/// A path of 108 bytes.
inline std::string padded(std::string path) {
  path.resize(108);
  return path;
}

inline std::string two_bytes(std::size_t value) {
  return {static_cast<char>(value >> 8U), static_cast<char>(value & 0xffU)};
}

/// A header of version 2. `command` also holds the version.
inline std::string binary_header(int family, const std::string& rest, int command = 0x21) {
  return std::string("\r\n\r\n\0\r\nQUIT\n", 12) + static_cast<char>(command) + static_cast<char>(family) +
         two_bytes(rest.size()) + rest;
}

inline std::string proxy_field(int type, const std::string& value) {
  return static_cast<char>(type) + two_bytes(value.size()) + value;
}

inline std::uint32_t crc32c(const std::string& bytes) {
  std::uint32_t crc = 0xffffffff;
  for (const char byte : bytes) {
    crc ^= static_cast<unsigned char>(byte);
    for (int bit = 0; bit < 8; ++bit) crc = crc >> 1U ^ ((crc & 1U) != 0 ? 0x82f63b78U : 0U);
  }
  return ~crc;
}

/// The header with a field for its checksum behind `rest`.
inline std::string with_checksum(int family, const std::string& rest) {
  std::string header = binary_header(family, rest + proxy_field(0x03, std::string(4, '\0')));
  const std::uint32_t crc = crc32c(header);
  return header.replace(header.size() - 4, 4, two_bytes(crc >> 16U) + two_bytes(crc & 0xffffU));
}

}  // namespace prefork::test
