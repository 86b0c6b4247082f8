// pool.json → Config, or all of its mistakes. The program, the commands and a reload call it.
#pragma once

#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "config/answers.h"
#include "config/config.h"
#include "config/machine.h"

namespace prefork {

/// One mistake. `message()` is one line for a person:
///   pool.json: /queue/max: "lots" is not allowed; it must be an integer from 1 to 1000000
struct ConfigProblem {
  std::string file;
  std::string pointer;  ///< JSON pointer (RFC 6901) of the offending value; "" is the whole document
  std::string what;     ///< the value, what is allowed, and the nearest known key
  [[nodiscard]] std::string message() const;
};

using ConfigProblems = std::vector<ConfigProblem>;

/// The beginning of the one problem of a file that made a library throw, or for which there was not enough
/// memory.
inline constexpr std::string_view kNotLoaded = "cannot be loaded: ";

/// Reads and checks the file, commands included. At most 1 MiB is read. Does not throw, and neither do the
/// others.
[[nodiscard]] std::variant<Config, ConfigProblems> load_config(const std::string& file,
                                                               const Machine& machine);
[[nodiscard]] std::variant<Config, ConfigProblems> load_config(const std::string& file,
                                                               const CommandSearch& search);
/// The same for a text; `file` is for the messages.
[[nodiscard]] std::variant<Config, ConfigProblems> parse_config(std::string_view text,
                                                                const std::string& file,
                                                                const Machine& machine);
[[nodiscard]] std::variant<Config, ConfigProblems> parse_config(std::string_view text,
                                                                const std::string& file,
                                                                const CommandSearch& search);

/// A text that is in force already, for a program that takes over.
struct TextInForce {
  std::string_view text;
  const MachineAnswers* answers = nullptr;  ///< null: unknown, so the machine is asked
  bool examined = false;  ///< this program has accepted it before; skips the check against the schema, which
                          ///< takes the longest
};
/// The text's configuration, as far as it can be read in spite of `mistakes`.
struct ConfigInForce {
  Config config;
  ConfigProblems mistakes;
};
[[nodiscard]] ConfigInForce read_in_force(const TextInForce& in_force, const std::string& file,
                                          const CommandSearch& search);

}  // namespace prefork
