#include "supervisor/commands/completion.h"

#include <algorithm>
#include <string_view>

#include "proto/joined.h"

namespace prefork {
namespace {

enum class Value { kNone, kConfig, kPath, kChoice, kOther };

Value value_of(const OptionEntry& option) {
  if (option.value.empty()) return Value::kNone;
  if (!option.choices.empty()) return Value::kChoice;
  if (option.value == "FILE") return Value::kConfig;
  return option.value == "PATH" ? Value::kPath : Value::kOther;
}

bool takes_pool(const CommandEntry& command) { return command.argument.find("POOL") != std::string::npos; }
bool takes_program(const CommandEntry& command) { return command.name == "run"; }

std::string replaced(std::string text, const std::string& what, const std::string& with) {
  for (std::size_t at = 0; (at = text.find(what, at)) != std::string::npos; at += with.size())
    text.replace(at, what.size(), with);
  return text;
}

/// In single quotes, as bash and zsh read them.
std::string quoted(const std::string& text) { return '\'' + replaced(text, "'", R"('\'')") + '\''; }
/// fish reads \' and \\ in single quotes.
std::string fish_quoted(const std::string& text) {
  return '\'' + replaced(replaced(text, "\\", "\\\\"), "'", "\\'") + '\'';
}

std::string names_of(const CommandEntry& command) {
  std::vector<std::string> names;
  for (const OptionEntry& option : command.options)
    names.insert(names.end(), option.names.begin(), option.names.end());
  return joined(names, " ");
}

std::string commands_of(const std::vector<CommandEntry>& tree) {
  std::vector<std::string> names;
  for (const CommandEntry& command : tree) {
    if (!command.name.empty()) names.push_back(command.name);
  }
  return joined(names, " ");
}

constexpr std::string_view kBashHead =
    R"bash(# bash completion for supervisor, printed by: supervisor completion bash

_supervisor_pools() {
  local arguments=() i
  for ((i = 1; i < COMP_CWORD; i++)); do
    case ${COMP_WORDS[i]} in
      -c | --config | --control) arguments+=("${COMP_WORDS[i]}" "${COMP_WORDS[i + 1]}") ;;
    esac
  done
  "${COMP_WORDS[0]}" completion pools "${arguments[@]}" 2>/dev/null
}

_supervisor_offer() { mapfile -t COMPREPLY < <("$@" -- "$current"); }

_supervisor_paths() {
  compopt -o filenames 2>/dev/null
  mapfile -t COMPREPLY < <(compgen -d -- "$current"; compgen -f -X "$1" -- "$current")
}

_supervisor() {
  local current=${COMP_WORDS[COMP_CWORD]} previous=${COMP_WORDS[COMP_CWORD - 1]} command= options= i
  COMPREPLY=()
  for ((i = 1; i < COMP_CWORD; i++)); do
    case ${COMP_WORDS[i]} in
      --)
        _supervisor_offer compgen -c -f
        return
        ;;
      -c | --config | --control) ((i++)) ;;
      -*) ;;
      *) command=${command:-${COMP_WORDS[i]}} ;;
    esac
  done
  case "$command $previous" in
)bash";

/// The case of bash that completes the value of an option.
std::string bash_value(const CommandEntry& command, const OptionEntry& option) {
  std::vector<std::string> patterns;
  for (const std::string& name : option.names) patterns.push_back('"' + command.name + ' ' + name + '"');
  const std::string label = "    " + joined(patterns, " | ") + ") ";
  switch (value_of(option)) {
    case Value::kNone: return "";
    case Value::kConfig: return label + "_supervisor_paths '!*.json'; return ;;\n";
    case Value::kPath: return label + "_supervisor_paths ''; return ;;\n";
    case Value::kChoice:
      return label + "_supervisor_offer compgen -W " + quoted(joined(option.choices, " ")) + "; return ;;\n";
    case Value::kOther: return label + "return ;;\n";
  }
  return "";
}

/// As _arguments of zsh reads it.
std::string zsh_text(const std::string& text) {
  std::string escaped = text;
  for (const char* special : {"\\", "[", "]", ":"})
    escaped = replaced(escaped, special, std::string("\\") + special);
  return escaped;
}

std::string zsh_value(const OptionEntry& option) {
  const std::string label = ':' + zsh_text(option.value) + ':';
  switch (value_of(option)) {
    case Value::kNone: return "";
    case Value::kConfig: return label + "_files -g \"*.json(-.)\"";
    case Value::kPath: return label + "_files";
    case Value::kChoice: return ":value:(" + joined(option.choices, " ") + ')';
    case Value::kOther: return label + ' ';
  }
  return "";
}

std::string zsh_arguments(const CommandEntry& command) {
  std::string text;
  for (const OptionEntry& option : command.options) {
    for (const std::string& name : option.names) {
      const std::string others = option.names.size() > 1 ? '(' + joined(option.names, " ") + ')' : "";
      text += " \\\n        " +
              quoted(others + name + '[' + zsh_text(option.description) + ']' + zsh_value(option));
    }
  }
  if (takes_pool(command)) text += " \\\n        '*:pool:_supervisor_pools'";
  if (takes_program(command)) text += " \\\n        '*::program: _normal'";
  return text;
}

constexpr std::string_view kZshHead = R"zsh(#compdef supervisor
# zsh completion for supervisor, printed by: supervisor completion zsh

_supervisor_pools() {
  local -a arguments pools
  local i
  for ((i = 1; i < CURRENT; i++)); do
    case ${words[i]} in
      -c|--config|--control) arguments+=("${words[i]}" "${(Q)words[i+1]}") ;;
    esac
  done
  pools=(${(f)"$(supervisor completion pools $arguments 2>/dev/null)"})
  compadd -a pools
}

_supervisor() {
  local curcontext="$curcontext" state line
  typeset -A opt_args
)zsh";

/// A line of fish: `condition` says when it counts.
std::string fish_line(const std::string& condition, const std::string& rest) {
  return "complete -c supervisor -n " + fish_quoted(condition) + rest + '\n';
}

std::string fish_option(const std::string& condition, const OptionEntry& option) {
  std::string text;
  for (const std::string& name : option.names)
    text += name.starts_with("--") ? " -l " + name.substr(2) : " -s " + name.substr(1);
  switch (value_of(option)) {
    case Value::kNone: break;
    case Value::kConfig: text += " -x -a '(__fish_complete_suffix .json)'"; break;
    case Value::kPath: text += " -r -F"; break;
    case Value::kChoice: text += " -x -a " + fish_quoted(joined(option.choices, " ")); break;
    case Value::kOther: text += " -x"; break;
  }
  return fish_line(condition, text + " -d " + fish_quoted(option.description));
}

constexpr std::string_view kFishHead =
    R"(# fish completion for supervisor, printed by: supervisor completion fish

function __supervisor_pools
    set -l words (commandline -opc)
    set -l arguments
    for i in (seq (count $words))
        if contains -- $words[$i] -c --config --control; and test $i -lt (count $words)
            set arguments $arguments $words[$i] $words[(math $i + 1)]
        end
    end
    command supervisor completion pools $arguments 2>/dev/null
end

complete -c supervisor -f
)";

}  // namespace

std::string bash_completion(const std::vector<CommandEntry>& tree) {
  std::string text(kBashHead);
  for (const CommandEntry& command : tree) {
    for (const OptionEntry& option : command.options) text += bash_value(command, option);
  }
  text += "  esac\n  case $command in\n";
  for (const CommandEntry& command : tree) {
    text += "    " + (command.name.empty() ? "''" : command.name) +
            ")\n      options=" + quoted(names_of(command)) + '\n';
    if (command.name.empty()) {
      text += "      [[ $current == -* ]] || options=" + quoted(commands_of(tree)) + '\n';
    } else if (takes_pool(command)) {
      text += "      [[ $current == -* ]] || options=$(_supervisor_pools)\n";
    }
    text += "      ;;\n";
  }
  return text +
         "  esac\n  _supervisor_offer compgen -W \"$options\"\n}\n\ncomplete -F _supervisor supervisor\n";
}

std::string zsh_completion(const std::vector<CommandEntry>& tree) {
  std::string text(kZshHead);
  text += "  _arguments -C" + zsh_arguments(tree.front()) +
          " \\\n        '1:command:->command' \\\n        '*::argument:->argument' && return\n"
          "  case $state in\n    command)\n      local -a commands=(";
  for (const CommandEntry& command : tree) {
    if (!command.name.empty())
      text += "\n        " + quoted(command.name + ':' + zsh_text(command.description));
  }
  text += "\n      )\n      _describe command commands ;;\n    argument)\n      case ${line[1]} in\n";
  for (const CommandEntry& command : tree) {
    if (!command.name.empty())
      text += "        " + command.name + ") _arguments" + zsh_arguments(command) + " ;;\n";
  }
  return text + "      esac ;;\n  esac\n}\n\n_supervisor \"$@\"\n";
}

std::string fish_completion(const std::vector<CommandEntry>& tree) {
  std::string text(kFishHead);
  const std::string none = "not __fish_seen_subcommand_from " + commands_of(tree);
  for (const CommandEntry& command : tree) {
    const std::string given = command.name.empty() ? none : "__fish_seen_subcommand_from " + command.name;
    if (!command.name.empty())
      text += fish_line(none, " -a " + command.name + " -d " + fish_quoted(command.description));
    for (const OptionEntry& option : command.options) text += fish_option(given, option);
    if (takes_pool(command)) text += fish_line(given, " -a '(__supervisor_pools)'");
    if (takes_program(command)) text += fish_line(given, " -a '(__fish_complete_subcommand --fcs-skip=2)'");
  }
  return text;
}

}  // namespace prefork
