#include "supervisor/system/socket.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <linux/sockios.h>
#include <linux/tcp.h>
#include <netinet/in.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/time.h>

#include <cerrno>
#include <cstddef>
#include <cstdint>
#include <optional>

#include "proto/passing.h"

namespace prefork {
namespace {

// States of RFC 9293 as tcp_info numbers them; <netinet/tcp.h> names them, but cannot be included together
// with <linux/tcp.h>.
constexpr std::uint8_t kEstablished = 1;
constexpr std::uint8_t kCloseWait = 8;

template <typename T>
void set_option(const Fd& socket, int level, int option, const T& value) {
  // A socket refuses options that its kind does not have; they need no reset.
  (void)::setsockopt(socket.get(), level, option, &value, sizeof(value));
}

}  // namespace

bool holds_unread(const Fd& socket) {
  int unread = 0;
  return ::ioctl(socket.get(), SIOCINQ, &unread) == 0 && unread > 0;
}

bool may_hold_descriptors(const Fd& socket) {
  int on = 1;
  socklen_t size = sizeof(on);
  if (::getsockopt(socket.get(), SOL_SOCKET, kPassRights, &on, &size) == 0) return on != 0;
  return errno != EOPNOTSUPP;  // EOPNOTSUPP: not a unix socket; ENOPROTOOPT: before Linux 6.16
}

void disarm_linger(const Fd& socket) { set_option(socket, SOL_SOCKET, SO_LINGER, linger{}); }

void restore_defaults(const Fd& socket) {
  (void)::fcntl(socket.get(), F_SETFL, 0);
  disarm_linger(socket);
  set_option(socket, SOL_SOCKET, SO_RCVTIMEO, timeval{});
  set_option(socket, SOL_SOCKET, SO_SNDTIMEO, timeval{});
  set_option(socket, SOL_SOCKET, SO_RCVLOWAT, 1);
  set_option(socket, IPPROTO_TCP, TCP_CORK, 0);
}

namespace {

/// Without the client's FIN, which the kernel counts as one received byte.
std::optional<tcp_info> counters_of(const Fd& socket) {
  tcp_info info{};
  socklen_t size = sizeof(info);
  if (::getsockopt(socket.get(), IPPROTO_TCP, TCP_INFO, &info, &size) < 0) return {};
  if (size < offsetof(tcp_info, tcpi_bytes_retrans) + sizeof(info.tcpi_bytes_retrans)) return {};
  if (info.tcpi_state != kEstablished && info.tcpi_state != kCloseWait) return {};
  if (info.tcpi_state == kCloseWait) --info.tcpi_bytes_received;
  return info;
}

/// All bytes ever written to it, each counted once, received by the client or not.
std::uint64_t written_to(const tcp_info& info) {
  return info.tcpi_bytes_sent - info.tcpi_bytes_retrans + info.tcpi_notsent_bytes;
}

std::optional<std::uint64_t> unread_of(const Fd& socket) {
  int unread = 0;
  if (::ioctl(socket.get(), SIOCINQ, &unread) < 0) return {};
  return static_cast<std::uint64_t>(unread);
}

/// Counters and unread bytes are two calls. Bytes that arrive between them must not count as read: both calls
/// belong to one moment when the unread bytes are as many after the counters as before.
std::optional<Progress> reading_of(const Fd& socket) {
  constexpr int kMostReadings = 100;
  auto unread = unread_of(socket);
  for (int i = 0; i < kMostReadings; ++i) {
    const auto info = counters_of(socket);
    const auto after = unread_of(socket);
    if (!unread || !info || !after) return {};
    if (*after == *unread) return Progress{info->tcpi_bytes_received - *unread, written_to(*info)};
    unread = after;
  }
  return {};
}

}  // namespace

Progress progress_of(const Fd& socket) { return reading_of(socket).value_or(Progress{}); }

Traffic traffic_of(const Fd& socket, const Progress& before) {
  const auto now = reading_of(socket);
  if (!now) return {};
  return {.consumed = now->consumed != before.consumed, .sent = now->sent != before.sent};
}

ClientAddress client_address(const Fd& socket) {
  sockaddr_storage address{};
  socklen_t size = sizeof(address);
  if (::getpeername(socket.get(), reinterpret_cast<sockaddr*>(&address), &size) < 0) return kNoAddress;
  return client_address(address);
}

ClientAddress client_address(const sockaddr_storage& address) {
  if (address.ss_family == AF_INET)
    return ntohl(reinterpret_cast<const sockaddr_in&>(address).sin_addr.s_addr);
  if (address.ss_family != AF_INET6) return kNoAddress;
  const auto& bytes = reinterpret_cast<const sockaddr_in6&>(address).sin6_addr.s6_addr;
  const bool v4 = IN6_IS_ADDR_V4MAPPED(&reinterpret_cast<const sockaddr_in6&>(address).sin6_addr);
  ClientAddress key = 0;
  for (int i = 0; i < (v4 ? 4 : 8); ++i) key = key << 8U | bytes[v4 ? 12 + i : i];
  // A network of zeros only, such as that of ::1, must differ from kNoAddress.
  return key == kNoAddress ? ~kNoAddress : key;
}

std::string peer_name(const Fd& socket) {
  sockaddr_storage address{};
  socklen_t size = sizeof(address);
  if (::getpeername(socket.get(), reinterpret_cast<sockaddr*>(&address), &size) < 0) return "unknown";
  char text[INET6_ADDRSTRLEN] = {};
  if (address.ss_family == AF_INET) {
    const auto& v4 = reinterpret_cast<const sockaddr_in&>(address);
    return std::string(::inet_ntop(AF_INET, &v4.sin_addr, text, sizeof(text))) + ":" +
           std::to_string(ntohs(v4.sin_port));
  }
  if (address.ss_family == AF_INET6) {
    const auto& v6 = reinterpret_cast<const sockaddr_in6&>(address);
    return "[" + std::string(::inet_ntop(AF_INET6, &v6.sin6_addr, text, sizeof(text))) +
           "]:" + std::to_string(ntohs(v6.sin6_port));
  }
  return "a unix socket";
}

void send_last_answer(const Fd& socket, std::string_view bytes) {
  // One segment at most (the configuration is checked for it): it fits the empty send buffer, or the client
  // is gone.
  (void)::send(socket.get(), bytes.data(), bytes.size(), MSG_DONTWAIT | MSG_NOSIGNAL);
  (void)::shutdown(socket.get(), SHUT_WR);
}

}  // namespace prefork
