// Waits until rollouts that a command has begun are over, and tells what has become of each. The status says
// it; events only tell when to ask for the status again. An upgrade in place, which ends the connection, does
// not end the wait: the next program carries the rollouts on. Another supervisor knows nothing of them.
#pragma once

#include <cstdint>
#include <map>
#include <nlohmann/json_fwd.hpp>
#include <optional>
#include <string>
#include <utility>

#include "proto/result.h"
#include "supervisor/commands/command_output.h"
#include "supervisor/commands/control_client.h"
#include "supervisor/commands/supervisor_start.h"

namespace prefork {

class RolloutWait {
 public:
  /// `path`: where `client` is connected.
  RolloutWait(ControlClient& client, std::string path, CommandOutput& output)
      : client_(client), path_(std::move(path)), output_(output) {}

  /// Before the rollouts begin. An error when the supervisor does not tell how they end.
  [[nodiscard]] Result<void> begin();
  /// Prints the end of each rollout that has begun since, or was under way; of one pool, or with "" of all.
  /// The exit status: 0 when every new generation has taken over.
  [[nodiscard]] int wait(const std::string& pool);

 private:
  using Json = nlohmann::ordered_json;

  [[nodiscard]] Result<Json> subscribe_and_ask();
  /// The status. When the connection has ended, from the program that answers at the path now.
  [[nodiscard]] Result<Json> ask();
  [[nodiscard]] Result<Json> ask_next_program();
  /// The status after the next event that can change it.
  [[nodiscard]] Result<Json> next_status();
  /// The rollouts to wait for.
  void choose(const Json& status, const std::string& pool);
  /// Prints what is over by now, and forgets it.
  void settle(const Json& status);
  /// False: not over.
  bool settle(const std::string& pool, std::uint64_t generation, const Json& status);
  void failed(const std::string& pool, const std::string& what);

  ControlClient& client_;
  std::string path_;
  std::optional<SupervisorStart> supervisor_;  ///< that was asked first
  CommandOutput& output_;
  std::map<std::string, std::uint64_t>
      awaited_;  ///< generations, by their pools; before wait(): the last ones
  bool all_took_over_ = true;
};

}  // namespace prefork
