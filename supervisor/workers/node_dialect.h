// What Node speaks with the workers of its cluster, over a stream of JSON lines: an unmodified program that
// calls listen() is such a worker, and gets its connections from the parent. The module prefork-worker, which
// NODE_OPTIONS loads before the program, adds what Node does not say: that a connection is over or parked.
// A worker is ready when its first server listens at an address of the pool; a connection is begun when Node
// has accepted it. Node answers connections in the order in which they were sent.
// Node acknowledges the descriptor and the connection by themselves; the module puts both, and the ends of
// other connections, into one line.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "supervisor/state/worker_state.h"
#include "supervisor/workers/dialect.h"
#include "supervisor/workers/node_message.h"

namespace prefork {

class NodeDialect final : public Dialect {
 public:
  /// Servers of one worker at addresses of the pool.
  static constexpr std::size_t kMostServers = 64;
  /// Connections that Node has neither accepted nor refused. With one at a time a worker would have nothing
  /// to do between its receipt and the next connection; what waits in a channel waits for a blocked event
  /// loop.
  static constexpr std::uint32_t kMostUnanswered = 8;

  NodeDialect(const Worker& worker, const DialectState& state);

  void begin() override {}  // it listens
  /// kFull while Node has not answered kMostUnanswered, or no server listens.
  [[nodiscard]] SendStatus send(const action::Dispatch& dispatch, const Fd& socket) override;
  [[nodiscard]] SendStatus ping() override { return wish("ping"); }
  void yield() override { (void)wish("yield"); }
  [[nodiscard]] SendStatus fork(const Fd& /*channel*/) override { return SendStatus::kInvalid; }
  void drain() override { (void)wish("drain"); }
  void hear(std::span<const std::byte> bytes, bool introduces) override;
  [[nodiscard]] bool speaks_first() const override { return true; }
  [[nodiscard]] bool received_none() const override { return false; }  // the receipts tell more
  [[nodiscard]] DialectState state() const override;

 private:
  using Unanswered = std::vector<NodeConnectionState>::iterator;

  [[nodiscard]] SendStatus send_line(std::string_view line);
  [[nodiscard]] SendStatus wish(std::string_view act);
  void take_line(std::string_view line);
  void handle(const NodeMessage& message);
  void handle_cluster(const NodeMessage& message);
  void handle_module(const NodeMessage& message);
  void handle_module_about_connection(const NodeMessage& message);
  void about_tickets(const NodeMessage& message);
  void tell_of(const NodeMessage& message, Ticket ticket);
  void parks(const NodeMessage& message, Ticket ticket);
  /// The first connection whose descriptor Node has not acknowledged; the end: there is none.
  [[nodiscard]] Unanswered next_untaken();
  /// Node has taken the descriptor, or has had no room for it.
  void descriptor_taken(bool taken);
  void refuse(Unanswered connection);
  void answered(std::int64_t seq, std::optional<bool> accepted);
  /// The module's receipt, for the descriptor and the connection in one.
  void begins(const NodeMessage& message);
  void query(const NodeMessage& message);
  void listens(const NodeMessage& message);
  void closes(const NodeMessage& message);
  void reply(std::int64_t seq, std::string_view members);
  void leave();
  /// From here on what it sends means nothing.
  void break_off(const std::string& what);

  NodeState node_;
  bool broken_ = false;
};

}  // namespace prefork
