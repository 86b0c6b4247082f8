// One client of the agent: may send a line with the name of a pool, gets one line, and is closed.
#pragma once

#include <array>
#include <functional>
#include <memory>
#include <string>

#include "supervisor/admin/asio.h"
#include "supervisor/admin/connection_table.h"

namespace prefork {

class AgentConnection final : public AdminConnection {
 public:
  /// Bytes of a pool's name.
  static constexpr std::size_t kMaxLine = 64;
  /// HAProxy sends agent-send at once after it has connected, or never sends anything.
  static constexpr std::chrono::milliseconds kLinePatience{50};

  using Answer = std::function<void(std::string line)>;
  using Ask = std::function<void(const std::string& pool, Answer answer)>;

  AgentConnection(Stream socket, ConnectionTable& table, Ask ask);

  void start();
  [[nodiscard]] bool idle() const override { return !asked_; }
  void close() override;

 private:
  void read();
  void ask();
  void write(std::string line);
  void read_to_end();
  [[nodiscard]] std::shared_ptr<AgentConnection> self();

  Stream socket_;
  Timer timer_;
  ConnectionTable& table_;
  Ask ask_;
  std::array<char, kMaxLine + 1> piece_{};
  std::string sent_;
  std::string line_;
  std::size_t discarded_ = 0;
  bool asked_ = false;
};

}  // namespace prefork
