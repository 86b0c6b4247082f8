#include "supervisor/commands/command_tree.h"

#include <sstream>

namespace prefork {
namespace {

std::vector<std::string> choices_in(const std::string& value) {
  std::vector<std::string> choices;
  if (value.find('|') == std::string::npos) return choices;
  std::istringstream words(value);
  for (std::string word; std::getline(words, word, '|');) choices.push_back(word);
  return choices;
}

OptionEntry entry_of(const CLI::Option& option) {
  OptionEntry entry;
  for (const std::string& name : option.get_snames()) entry.names.push_back('-' + name);
  for (const std::string& name : option.get_lnames()) entry.names.push_back("--" + name);
  entry.description = option.get_description();
  if (option.get_expected_max() > 0) entry.value = option.get_type_name();
  entry.choices = choices_in(entry.value);
  return entry;
}

CommandEntry entry_of(const CLI::App& app, const std::string& name) {
  CommandEntry entry;
  entry.name = name;
  entry.description = app.get_description();
  entry.footer = app.get_footer();
  for (const CLI::Option* option : app.get_options()) {
    if (option->get_group().empty()) continue;
    if (option->get_positional()) {
      // The type stands for the whole where the help writes it otherwise: "[POOL] N".
      const std::string type = option->get_type_name();
      entry.argument = type.empty() ? option->get_name(/*positional=*/true) : type;
      entry.argument_description = option->get_description();
    } else {
      entry.options.push_back(entry_of(*option));
    }
  }
  return entry;
}

}  // namespace

std::vector<CommandEntry> command_tree(const CLI::App& app) {
  std::vector<CommandEntry> tree{entry_of(app, "")};
  const auto commands = app.get_subcommands([](const CLI::App* one) { return !one->get_group().empty(); });
  for (const CLI::App* command : commands) tree.push_back(entry_of(*command, command->get_name()));
  return tree;
}

}  // namespace prefork
