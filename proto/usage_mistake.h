// A mistake in the command line of either program, in words that say what to do: one line, without the name
// of the program. Included only where CLI11 parses a command line.
#pragma once

#include <CLI/CLI.hpp>
#include <string>
#include <vector>

#include "proto/joined.h"
#include "proto/nearest_word.h"

namespace prefork {

inline std::vector<std::string> options_of(const CLI::App& command) {
  std::vector<std::string> names;
  for (const CLI::Option* option : command.get_options()) {
    if (option->get_group().empty()) continue;  // not for users
    for (const std::string& name : option->get_lnames()) names.push_back("--" + name);
  }
  return names;
}

/// `kind`: what the subcommands of `app` are: "a command".
inline std::string usage_mistake(const CLI::App& app, const CLI::ParseError& error, const std::string& kind) {
  const std::string see_help = " (" + app.get_name() + " --help tells more)";
  std::vector<std::string> known;
  for (const CLI::App* one : app.get_subcommands(nullptr)) known.push_back(one->get_name());
  const auto used = app.get_subcommands();
  const CLI::App& command = used.empty() ? app : *used.front();
  const std::string name = used.empty() ? "" : command.get_name() + ": ";
  const auto extra = command.remaining();
  if (extra.empty() && used.empty() && dynamic_cast<const CLI::RequiredError*>(&error) != nullptr)
    return "say " + kind + ": " + joined(known) + see_help;
  if (extra.empty()) return name + error.what() + see_help;
  const std::string& first = extra.front();
  if (first.starts_with('-')) return name + not_known(first, "an option", options_of(command)) + see_help;
  if (used.empty()) return not_known(first, kind, known) + see_help;
  return name + first + " is not expected here" + see_help;
}

}  // namespace prefork
