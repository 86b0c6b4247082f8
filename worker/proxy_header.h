// The header of the PROXY protocol (haproxy's proxy-protocol.txt), versions 1 and 2: a proxy says in front of
// a connection which client it is for. Ask for it where a proxy is known to send it, and only there: a client
// that sends one itself chooses its address. Needs no Session; callable from any thread.
#pragma once

#include <sys/socket.h>

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "../proto/export.h"
#include "../proto/result.h"

namespace prefork::worker {

/// Longest header of version 1, in bytes, with its end of line; of version 2 with everything that belongs to
/// it. A longer one is an error: EMSGSIZE.
inline constexpr std::size_t kMaxProxyLine = 107;
inline constexpr std::size_t kMaxProxyHeader = 4096;

/// A field of a header of version 2 behind the addresses: PP2_TYPE_AUTHORITY, PP2_TYPE_SSL and others.
struct ProxyField {
  std::uint8_t type = 0;
  std::string value;  ///< any bytes, as they were sent
};

/// One end of the connection. `family` AF_UNSPEC: not known.
struct ProxyEnd {
  sockaddr_storage address{};  ///< AF_INET, AF_INET6 or AF_UNIX
  socklen_t length = 0;        ///< the bytes of it that count
};

struct ProxyHeader {
  unsigned version = 0;  ///< 1 or 2
  /// The header names no client: the proxy has connected for itself (LOCAL: its health check), or the
  /// protocol is one that it cannot name (UNKNOWN, UNSPEC). The ends are then those of the socket.
  bool local = false;
  ProxyEnd source = {};                 ///< the client
  ProxyEnd destination = {};            ///< what the client has connected to
  std::vector<ProxyField> fields = {};  ///< of a header that is not LOCAL, in their order, without padding
  std::size_t size = 0;                 ///< the bytes of the header

  /// The first field of this type; null when there is none.
  [[nodiscard]] PREFORK_API const std::string* field(std::uint8_t type) const;
};

/// Reads the header from a connected stream socket, blocking or not, and not one byte more: the next byte
/// that is read from the socket is the client's first. `time`, of which a day counts at most, is for all of
/// the header. The caller keeps the socket. After an error it closes the connection: part of the header may
/// have been read.
///
/// Errors, by their code: EPROTO: no header, or a malformed one; EMSGSIZE: it is too long; EBADMSG: its
/// checksum (CRC32C) is wrong; ETIMEDOUT; ECONNRESET: the connection ended before the header did; others are
/// those of recv(2) and poll(2). The text says what is wrong. No byte of the client stands in it.
[[nodiscard]] PREFORK_API Result<ProxyHeader> read_proxy_header(int socket, std::chrono::milliseconds time);

/// For programs that read the bytes themselves, such as those with an event loop.
///
/// The size of the header that `bytes` begin with, whether all of it has come or not; 0: more bytes are
/// needed to know it. Errors: EPROTO, EMSGSIZE.
[[nodiscard]] PREFORK_API Result<std::size_t> proxy_header_size(std::string_view bytes);
/// The header that is exactly `bytes`. The ends of a local one are AF_UNSPEC. Errors: EPROTO, EMSGSIZE,
/// EBADMSG.
[[nodiscard]] PREFORK_API Result<ProxyHeader> parse_proxy_header(std::string_view bytes);

}  // namespace prefork::worker
