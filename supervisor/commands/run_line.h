// `supervisor run`: the common keys of a pool as options of the command line. configuration_of() is the file
// that they stand for. Values are passed on as they were written: the configuration's own check judges them.
#pragma once

#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "config/machine.h"

namespace prefork {

/// Stands for the file's path where a configuration has none: in messages and in the status.
inline constexpr const char* kCommandLine = "command line";

struct RunLine {
  std::vector<std::string> listen;
  std::map<std::string, std::string> keys;  ///< "workers" → "4", "log.level" → "debug"; "" if not given
  std::vector<std::string> environment;     ///< NAME=VALUE
  std::vector<std::string> command;
  bool print = false;  ///< print the configuration instead of running it
};

/// A key that `supervisor run` has as an option. "log.level" is the key `level` of `log`, and the option
/// --log-level.
struct RunKey {
  const char* name;
  const char* value;  ///< what the help calls its value
  const char* help;
  bool is_text = false;  ///< "7" and "true" are texts, too
};
[[nodiscard]] const std::vector<RunKey>& run_keys();
/// "--connections-per-worker" for "connections_per_worker".
[[nodiscard]] std::string option_for(std::string_view key);

/// The first text that is not UTF-8, as a configuration has to be; nothing if all are.
[[nodiscard]] std::optional<std::string> not_utf8(const RunLine& line);

/// The configuration, as JSON. Without a given protocol the program, which `search` finds, accepts for
/// itself, unless it is Node or the bundled worker.
[[nodiscard]] std::string configuration_of(const RunLine& line, const CommandSearch& search);

/// The protocol of the line's program. The bundled workers get connections by the native protocol, Node
/// programs by node; another program listens for itself. What cannot be found or read is refused later, with
/// the reason.
[[nodiscard]] std::string protocol_of(const RunLine& line, const CommandSearch& search);

/// Where a mistake at this JSON pointer was written: "/log/level" is at "--log-level", "" nowhere.
[[nodiscard]] std::string place_on_command_line(std::string_view pointer);

}  // namespace prefork
