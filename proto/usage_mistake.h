// A mistake in the command line of either program, in words that say what to do: one line, without the name
// of the program. Included only where CLI11 parses a command line.
#pragma once

#include <CLI/CLI.hpp>
#include <string>
#include <string_view>
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

/// The option that a message of CLI11 begins with, or names after "convert: "; null: none.
inline const CLI::Option* option_in(const CLI::App& command, std::string text) {
  constexpr std::string_view kConvert = "Could not convert: ";
  if (text.starts_with(kConvert)) text.erase(0, kConvert.size());
  const std::string name = text.substr(0, text.find_first_of(": "));
  for (const CLI::Option* option : command.get_options()) {
    if (option->get_name() == name) return option;
  }
  return nullptr;
}

/// CLI11 has words of its own for these.
inline std::string value_mistake(const CLI::App& command, const CLI::ParseError& error) {
  const std::string text = error.what();
  constexpr std::string_view kOverride = " was given a disallowed flag override";
  if (text.ends_with(kOverride))
    return "--" + text.substr(0, text.size() - kOverride.size()) + " takes no value";
  const CLI::Option* option = option_in(command, text);
  if (option == nullptr) return text;
  const bool positional = option->get_positional();
  const std::string name = positional ? "" : option->get_name() + ' ';
  if (dynamic_cast<const CLI::ConversionError*>(&error) != nullptr)
    return option->get_name() + ": " + text.substr(text.rfind(" = ") + 3) + " is not a number";
  constexpr std::string_view kRange = " not in range ";
  if (const auto range = text.find(kRange); range != std::string::npos)
    return option->get_name() + " must be from " + text.substr(range + kRange.size());
  if (dynamic_cast<const CLI::ArgumentMismatch*>(&error) == nullptr) return text;
  if (text.ends_with(" missing")) return name + "needs a value: " + name + option->get_type_name();
  if (text.find("At Most") == std::string::npos) return text;
  return positional ? "too many arguments; it takes " + option->get_type_name()
                    : name + "stands here twice; remove one";
}

/// `kind`: what the subcommands of `app` are: "a command".
inline std::string usage_mistake(const CLI::App& app, const CLI::ParseError& error, const std::string& kind) {
  std::vector<std::string> known;
  const auto shown = [](const CLI::App* one) { return !one->get_group().empty(); };
  for (const CLI::App* one : app.get_subcommands(shown)) known.push_back(one->get_name());
  const auto used = app.get_subcommands();
  const CLI::App& command = used.empty() ? app : *used.front();
  const std::string name = used.empty() ? "" : command.get_name() + ": ";
  const std::string see_help =
      " (" + app.get_name() + (used.empty() ? "" : ' ' + command.get_name()) + " --help tells more)";
  const auto extra = command.remaining();
  if (extra.empty() && used.empty() && dynamic_cast<const CLI::RequiredError*>(&error) != nullptr)
    return "say " + kind + ": " + joined(known) + see_help;
  if (extra.empty()) return name + value_mistake(command, error) + see_help;
  const std::string& first = extra.front();
  if (first.starts_with('-')) return name + not_known(first, "an option", options_of(command)) + see_help;
  if (used.empty()) return not_known(first, kind, known) + see_help;
  return name + first + " is not expected here" + see_help;
}

}  // namespace prefork
