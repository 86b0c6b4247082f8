// The address of a listener: its values, its forms in the file, and whether two addresses are the same place.
// Resolves no names: machine_check.h does that when the file is read, and puts the answers here.
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "proto/result.h"

namespace prefork {

/// What the names in an address stand for on this machine.
struct ListenAnswers {
  std::vector<std::string> hosts;  ///< the numeric addresses of a host name, sorted; none for a numeric host
  std::optional<std::uint32_t> owner = {}, group = {};  ///< not set: unchanged
  bool operator==(const ListenAnswers&) const = default;

  template <typename Self, typename Visit>
  static void visit_state(Self& self, Visit&& visit) {
    visit("hosts", self.hosts), visit("owner", self.owner), visit("group", self.group);
  }
};

/// Two addresses are equal when their sockets would not differ in anything.
struct ListenAddress {
  enum class Kind { kTcp, kUnixPath, kUnixAbstract, kSystemd };

  Kind kind = Kind::kTcp;
  std::string host;        ///< kTcp: a numeric address or a name; empty means all addresses, IPv4 and IPv6
  std::uint16_t port = 0;  ///< kTcp: 0 lets the kernel choose
  std::string path;        ///< kUnixPath: the path; kUnixAbstract: the name without '@';
                           ///< kSystemd: the FileDescriptorName= of its .socket unit
  int backlog = 4096;      ///< maximum of connections in the kernel; it cuts this to net.core.somaxconn
  std::optional<mode_t> mode;   ///< kUnixPath: permissions of the socket file
  std::string owner;            ///< kUnixPath: user name or number; empty: unchanged
  std::string group;            ///< kUnixPath: group name or number; empty: unchanged
  bool reuse_port = false;      ///< kTcp: SO_REUSEPORT
  bool proxy_protocol = false;  ///< each connection begins with a PROXY header, which its worker reads
  ListenAnswers answers = {};   ///< for host, owner and group; opening a socket looks nothing up

  /// The form in the file: `127.0.0.1:8080`, `[::1]:8080`, `:8080`, `unix:/run/x.sock`, `unix:@x`,
  /// `systemd:x`.
  [[nodiscard]] std::string text() const;
  bool operator==(const ListenAddress&) const = default;
};

/// Numeric hosts are normalized to their usual spelling, names to lower case. The error says in words what is
/// wrong.
[[nodiscard]] Result<ListenAddress> parse_listen_address(std::string_view text);

/// Whether two sockets cannot be bound to these addresses at the same time; ignores the attributes.
[[nodiscard]] bool same_place(const ListenAddress& a, const ListenAddress& b);

/// Whether two different addresses of TCP have one place in common: all addresses include 127.0.0.1. The
/// kernel allows that only when both set SO_REUSEPORT.
[[nodiscard]] bool overlap(const ListenAddress& a, const ListenAddress& b);

/// The same address once for each of its sockets: for each numeric address of a host name.
[[nodiscard]] std::vector<ListenAddress> one_per_socket(const ListenAddress& address);
/// The numeric address of a TCP socket; empty: all addresses. A host name without an answer stays a name.
[[nodiscard]] const std::string& numeric_host(const ListenAddress& socket);
/// As same_place(), for addresses of one socket each: a host name is the same place as its numeric address.
[[nodiscard]] bool same_socket(const ListenAddress& a, const ListenAddress& b);

[[nodiscard]] bool is_numeric_host(const std::string& host);

}  // namespace prefork
