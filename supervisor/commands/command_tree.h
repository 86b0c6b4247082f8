// The command line as plain values: what completion and the manual page are made from. It is read from the
// parser itself, so that a new command or option is in all of them.
#pragma once

#include <CLI/App.hpp>
#include <string>
#include <vector>

namespace prefork {

struct OptionEntry {
  std::vector<std::string> names;  ///< "-c", "--config"; empty for an argument without a dash
  std::string description;
  std::string value;                 ///< what the help calls the value: "FILE"; empty: it takes none
  std::vector<std::string> choices;  ///< the only values
};

struct CommandEntry {
  std::string name;  ///< empty: the program without a command
  std::string description;
  std::string footer;
  std::vector<OptionEntry> options;
  std::string argument;  ///< of the arguments without a dash: "POOL", "[POOL] N"; empty: none
  std::string argument_description;
};

/// The program itself first, then its commands in order. Hidden ones are left out.
[[nodiscard]] std::vector<CommandEntry> command_tree(const CLI::App& app);

}  // namespace prefork
