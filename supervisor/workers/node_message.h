// One line that a Node worker has sent (docs/workers.md): Node's own messages between a cluster worker and
// its parent, those of the module prefork-worker, and whatever the application sends with process.send().
// Any bytes may come: a line is parsed without recursion, and nothing of it is kept but the members below.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace prefork {

/// The longest line that is looked at; a longer one is the application's.
inline constexpr std::size_t kMaxNodeLine = 8192;

/// The members of the outermost object that the supervisor knows. What is absent or of another type is empty.
struct NodeMessage {
  std::string cmd;  ///< NODE_CLUSTER, NODE_HANDLE_ACK, NODE_HANDLE_NACK, PREFORK, or something else
  std::string act;
  std::string key, data;  ///< of a server
  std::string address;    ///< a host without brackets, or a path
  std::string ticket, memo, text;
  std::optional<std::int64_t> seq, ack;
  std::optional<std::int64_t> port, address_type, descriptor, flags;
  std::optional<std::int64_t> value;
  std::optional<bool> accepted;
};

/// Nothing: the line is not JSON. A text, a list and the like are a message without members.
[[nodiscard]] std::optional<NodeMessage> parse_node_line(std::string_view line);

}  // namespace prefork
