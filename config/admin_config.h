// The keys of the admin process: the page, metrics and health over HTTP, and the agent for load balancers.
// Part of FileKeys (config/config.h); docs/configuration.md explains the keys.
#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <vector>

#include "config/listen_address.h"
#include "config/process_config.h"

namespace prefork {

struct AdminConfig {
  /// How many listening sockets the process can have: all are sent to it in one message.
  static constexpr std::size_t kMaxSockets = 16;

  std::vector<ListenAddress> listen;      ///< `admin`
  std::vector<ListenAddress> agent;       ///< `agent`
  std::vector<std::string> hosts;         ///< names that browsers may use, in lower case
  std::string token_file;                 ///< absolute path; empty: the page is read-only
  std::string token;                      ///< the content of that file
  std::string user;                       ///< as written
  std::optional<Identity> identity = {};  ///< of `user`
  bool operator==(const AdminConfig&) const = default;

  /// There is something to listen at, so the process is wanted.
  [[nodiscard]] bool wanted() const { return !listen.empty() || !agent.empty(); }
};

}  // namespace prefork
