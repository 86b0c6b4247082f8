#include "worker/proxy_header.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/un.h>

#include <algorithm>
#include <array>
#include <boost/crc.hpp>
#include <cerrno>
#include <cstring>
#include <optional>
#include <utility>

#include "proto/digits.h"

namespace prefork::worker {
namespace {

using namespace std::string_view_literals;

constexpr std::string_view kLineSign = "PROXY ";
constexpr std::string_view kSign = "\r\n\r\n\0\r\nQUIT\n"sv;
/// The signature, version and command, family and protocol, length.
constexpr std::size_t kFixedSize = 16;
constexpr std::size_t kCommandAt = 12;
constexpr std::size_t kFamilyAt = 13;
constexpr std::size_t kLengthAt = 14;
constexpr std::size_t kFieldHead = 3;
constexpr std::uint8_t kChecksumType = 0x03;
constexpr std::uint8_t kPaddingType = 0x04;

Error proxy_error(int code, std::string what) {
  return {.what = "PROXY header: " + std::move(what), .code = {code, std::generic_category()}};
}
Error malformed_header(std::string what) { return proxy_error(EPROTO, std::move(what)); }

bool is_line(std::string_view bytes) { return bytes.starts_with(kLineSign.front()); }

std::uint8_t byte_at(std::string_view bytes, std::size_t at) { return static_cast<std::uint8_t>(bytes[at]); }

/// 16 bits in network order.
std::uint16_t short_at(std::string_view bytes, std::size_t at) {
  return static_cast<std::uint16_t>(byte_at(bytes, at) << 8 | byte_at(bytes, at + 1));
}

template <typename Address>
void set_end(ProxyEnd& end, const Address& address, std::size_t length = sizeof(Address)) {
  static_assert(sizeof(Address) <= sizeof(end.address));
  std::memcpy(&end.address, &address, sizeof(address));
  end.length = static_cast<socklen_t>(length);
}

// Version 1: a line of text.

/// The text up to the next space, which is taken, too; nothing when no space comes.
std::optional<std::string_view> take_word(std::string_view& line) {
  const std::size_t space = line.find(' ');
  if (space == std::string_view::npos) return std::nullopt;
  return std::exchange(line, line.substr(space + 1)).substr(0, space);
}

std::optional<in_port_t> port_of(std::string_view word) {
  if (word.size() > 1 && word.starts_with('0')) return std::nullopt;
  const auto port = parse_digits<std::uint16_t>(word);
  if (!port) return std::nullopt;
  return htons(*port);
}

bool set_numeric(ProxyEnd& end, int family, std::string_view address, std::string_view port) {
  const std::optional<in_port_t> number = port_of(port);
  // inet_pton() sees the text up to a zero byte only.
  if (!number || address.find('\0') != std::string_view::npos) return false;
  const std::string text(address);
  if (family == AF_INET) {
    sockaddr_in ip{};
    ip.sin_family = AF_INET;
    ip.sin_port = *number;
    if (::inet_pton(AF_INET, text.c_str(), &ip.sin_addr) != 1) return false;
    set_end(end, ip);
  } else {
    sockaddr_in6 ip{};
    ip.sin6_family = AF_INET6;
    ip.sin6_port = *number;
    if (::inet_pton(AF_INET6, text.c_str(), &ip.sin6_addr) != 1) return false;
    set_end(end, ip);
  }
  return true;
}

Result<ProxyHeader> parse_line(std::string_view bytes) {
  if (!bytes.ends_with("\r\n")) return malformed_header("the line of version 1 does not end with CR and LF");
  std::string_view line = bytes.substr(kLineSign.size(), bytes.size() - kLineSign.size() - 2);
  ProxyHeader header{.version = 1, .size = bytes.size()};
  if (line == "UNKNOWN" || line.starts_with("UNKNOWN ")) {
    header.local = true;
    return header;
  }
  const auto protocol = take_word(line);
  if (protocol != "TCP4" && protocol != "TCP6") {
    return malformed_header("the protocol of version 1 is not TCP4, TCP6 or UNKNOWN");
  }
  const int family = protocol == "TCP4" ? AF_INET : AF_INET6;
  const auto source = take_word(line);
  const auto destination = take_word(line);
  const auto source_port = take_word(line);
  if (!source_port) return malformed_header("the line of version 1 is too short");
  if (!set_numeric(header.source, family, *source, *source_port) ||
      !set_numeric(header.destination, family, *destination, line)) {
    return malformed_header("an address or a port of version 1 is not one");
  }
  return header;
}

// Version 2: bytes.

/// The size of the two addresses; nothing for what proxy-protocol.txt does not know. STREAM and DGRAM alike.
std::optional<std::size_t> addresses_size(std::uint8_t family) {
  switch (family) {
    case 0x00: return 0;
    case 0x11:
    case 0x12: return 12;
    case 0x21:
    case 0x22: return 36;
    case 0x31:
    case 0x32: return 2 * sizeof(sockaddr_un::sun_path);
    default: return std::nullopt;
  }
}

void set_ip4(ProxyEnd& end, std::string_view address, std::string_view port) {
  sockaddr_in ip{};
  ip.sin_family = AF_INET;
  std::memcpy(&ip.sin_addr, address.data(), sizeof(ip.sin_addr));
  std::memcpy(&ip.sin_port, port.data(), sizeof(ip.sin_port));
  set_end(end, ip);
}

void set_ip6(ProxyEnd& end, std::string_view address, std::string_view port) {
  sockaddr_in6 ip{};
  ip.sin6_family = AF_INET6;
  std::memcpy(&ip.sin6_addr, address.data(), sizeof(ip.sin6_addr));
  std::memcpy(&ip.sin6_port, port.data(), sizeof(ip.sin6_port));
  set_end(end, ip);
}

/// The zero bytes at the end do not belong to the path; one at its beginning does.
void set_unix(ProxyEnd& end, std::string_view path) {
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  std::memcpy(address.sun_path, path.data(), sizeof(address.sun_path));
  set_end(end, address, offsetof(sockaddr_un, sun_path) + path.find_last_not_of('\0') + 1);
}

void set_ends(ProxyHeader& header, std::string_view addresses) {
  switch (addresses.size()) {
    case 0: header.local = true; break;
    case 12:
      set_ip4(header.source, addresses, addresses.substr(8));
      set_ip4(header.destination, addresses.substr(4), addresses.substr(10));
      break;
    case 36:
      set_ip6(header.source, addresses, addresses.substr(32));
      set_ip6(header.destination, addresses.substr(16), addresses.substr(34));
      break;
    default:
      set_unix(header.source, addresses.substr(0, addresses.size() / 2));
      set_unix(header.destination, addresses.substr(addresses.size() / 2));
      break;
  }
}

/// CRC32C of the whole header, the four bytes of the checksum itself as zeros.
std::uint32_t checksum(std::string_view bytes, std::size_t at) {
  boost::crc_optimal<32, 0x1EDC6F41, 0xFFFFFFFF, 0xFFFFFFFF, true, true> crc;
  constexpr std::array<char, 4> kZeros{};
  crc.process_bytes(bytes.data(), at);
  crc.process_bytes(kZeros.data(), kZeros.size());
  crc.process_bytes(bytes.data() + at + kZeros.size(), bytes.size() - at - kZeros.size());
  return crc.checksum();
}

Result<void> verify_checksum(std::string_view bytes, std::size_t at, std::size_t length) {
  if (length != sizeof(std::uint32_t)) return malformed_header("a checksum that has not four bytes");
  const auto sent = static_cast<std::uint32_t>(short_at(bytes, at)) << 16 | short_at(bytes, at + 2);
  if (sent != checksum(bytes, at)) return proxy_error(EBADMSG, "its checksum is wrong");
  return {};
}

/// Reads the fields that begin at `at`.
Result<void> read_fields(ProxyHeader& header, std::string_view bytes, std::size_t at) {
  while (at < bytes.size()) {
    if (bytes.size() - at < kFieldHead) return malformed_header("bytes behind its last field");
    const std::uint8_t type = byte_at(bytes, at);
    const std::size_t length = short_at(bytes, at + 1);
    at += kFieldHead;
    if (length > bytes.size() - at) return malformed_header("a field that is longer than the header");
    if (type == kChecksumType) {
      if (auto verified = verify_checksum(bytes, at, length); !verified) return verified;
    }
    if (type != kPaddingType) header.fields.push_back({type, std::string(bytes.substr(at, length))});
    at += length;
  }
  return {};
}

Result<ProxyHeader> parse_binary(std::string_view bytes) {
  ProxyHeader header{.version = 2, .size = bytes.size()};
  const std::uint8_t command = byte_at(bytes, kCommandAt) & 0xfU;
  if (command == 0) {  // LOCAL: whatever follows is skipped, the family, too
    header.local = true;
    return header;
  }
  if (command != 1) return malformed_header("the command of version 2 is not LOCAL or PROXY");
  const auto size = addresses_size(byte_at(bytes, kFamilyAt));
  if (!size) return malformed_header("a family or protocol that version 2 does not know");
  if (bytes.size() - kFixedSize < *size) return malformed_header("too short for its addresses");
  set_ends(header, bytes.substr(kFixedSize, *size));
  if (auto read = read_fields(header, bytes, kFixedSize + *size); !read) return read.error();
  return header;
}

Result<std::size_t> line_size(std::string_view bytes) {
  const std::size_t end = bytes.substr(0, kMaxProxyLine).find('\n');
  if (end != std::string_view::npos) return end + 1;
  if (bytes.size() < kMaxProxyLine) return std::size_t{0};
  return proxy_error(EMSGSIZE, "a line of version 1 of more than 107 bytes");
}

Result<std::size_t> binary_size(std::string_view bytes) {
  if (bytes.size() > kCommandAt && (byte_at(bytes, kCommandAt) >> 4U) != 2) {
    return malformed_header("its version is not 2");
  }
  if (bytes.size() < kFixedSize) return std::size_t{0};
  const std::size_t size = kFixedSize + short_at(bytes, kLengthAt);
  if (size <= kMaxProxyHeader) return size;
  return proxy_error(EMSGSIZE, "version 2 with " + std::to_string(size) + " bytes; at most 4096 are read");
}

}  // namespace

const std::string* ProxyHeader::field(std::uint8_t type) const {
  const auto found =
      std::find_if(fields.begin(), fields.end(), [type](const ProxyField& one) { return one.type == type; });
  return found == fields.end() ? nullptr : &found->value;
}

Result<std::size_t> proxy_header_size(std::string_view bytes) {
  if (bytes.empty()) return std::size_t{0};
  const std::string_view sign = is_line(bytes) ? kLineSign : kSign;
  if (!sign.starts_with(bytes.substr(0, sign.size()))) {
    return malformed_header("the connection does not begin with one");
  }
  return is_line(bytes) ? line_size(bytes) : binary_size(bytes);
}

Result<ProxyHeader> parse_proxy_header(std::string_view bytes) {
  const Result<std::size_t> size = proxy_header_size(bytes);
  if (!size) return size.error();
  if (size.value() == 0 || size.value() > bytes.size()) return malformed_header("it is not complete");
  if (size.value() < bytes.size()) return malformed_header("bytes behind its end");
  return is_line(bytes) ? parse_line(bytes) : parse_binary(bytes);
}

}  // namespace prefork::worker
