#include "supervisor/commands/run_line.h"

#include <algorithm>
#include <filesystem>
#include <nlohmann/json.hpp>

#include "config/program.h"
#include "config/program_kind.h"
#include "proto/digits.h"

namespace prefork {
namespace {

using Json = nlohmann::ordered_json;

/// Whether the program is python3 -m prefork_worker.wsgi or another module of that package.
bool runs_python_worker(const std::vector<std::string>& command) {
  const auto option = std::find(command.begin(), command.end(), "-m");
  return option != command.end() && option + 1 != command.end() &&
         (option + 1)->starts_with("prefork_worker.");
}

/// By its name: a script that Node runs may be npm, which only starts a program.
bool runs_node(const std::vector<std::string>& command) {
  const auto name = std::filesystem::path(command.front()).filename();
  return name == "node" || name == "nodejs";
}

}  // namespace

std::string protocol_of(const RunLine& line, const CommandSearch& search) {
  const std::string& name = line.command.front();
  if (std::filesystem::path(name).filename() == "supervisor-worker") return "native";
  if (runs_python_worker(line.command)) return "native";
  if (runs_node(line.command)) return "node";
  const auto directory = line.keys.find("directory");
  const std::string where = directory == line.keys.end() ? "" : directory->second;
  const auto program = find_program(name, where, search);
  if (!program) return "accept";
  const bool notified = protocol_for(kind_of_program(program.value(), line.command, {where, search.path})) ==
                        Protocol::kAcceptNotify;
  return notified ? "accept-notify" : "accept";
}

namespace {

/// A number, true, false and an object as such: the file would have them like this.
Json value_of(const std::string& text) {
  if (const auto number = parse_digits<std::uint64_t>(text)) return *number;
  if (text == "true" || text == "false") return text == "true";
  if (text.starts_with('{')) {
    if (Json object = Json::parse(text, nullptr, /*allow_exceptions=*/false); object.is_object())
      return object;
  }
  return text;
}

/// Sets "log.level" in the object `log`.
void set(Json& file, std::string_view key, Json value) {
  const std::size_t dot = key.find('.');
  if (dot == std::string_view::npos) {
    file[std::string(key)] = std::move(value);
  } else {
    file[std::string(key.substr(0, dot))][std::string(key.substr(dot + 1))] = std::move(value);
  }
}

bool is_utf8(const std::string& text) {
  try {
    (void)Json(text).dump();
    return true;
  } catch (const Json::type_error&) {
    return false;
  }
}

Json environment_of(const std::vector<std::string>& variables) {
  Json environment = Json::object();
  for (const std::string& variable : variables) {
    const std::size_t end = variable.find('=');
    environment[variable.substr(0, end)] = end == std::string::npos ? "" : variable.substr(end + 1);
  }
  return environment;
}

}  // namespace

const std::vector<RunKey>& run_keys() {
  static const std::vector<RunKey> keys{
      {"name", "NAME", "name of the pool, in the log", true},
      {"protocol", "native|accept|accept-notify|node|classic",
       "how the program gets connections; found by itself when left out"},
      {"workers", "N", "number of workers, or '{\"min\": 2, \"max\": 16}'"},
      {"connections_per_worker", "N", "connections that a worker has at a time"},
      {"wait_for_data", "true|false", "a client takes no slot before it has sent something"},
      {"keep_alive.park", "true|false", "a connection takes no slot between two requests"},
      {"drain", "idle|now", "when a worker gets the signal to finish"},
      {"drain_signal", "NAME", "the signal that makes the program finish: TERM, QUIT, INT, ..."},
      {"directory", "PATH", "where the program runs", true},
      {"user", "NAME", "the user that the program runs as"},
      {"group", "NAME", "the group that the program runs as"},
      {"stop_timeout", "TIME", "how long connections may last at the stop, such as 30s"},
      {"admin", "ADDRESS", "where the dashboard, metrics and health checks are served", true},
      {"control", "PATH", "the control socket, for status and the other commands; false: none", true},
      {"log.level", "debug|info|warning|error", "the lowest level that is logged"},
      {"log.format", "text|json", "how lines are written"},
      {"log.file", "PATH", "where the log is written; standard error when left out", true},
  };
  return keys;
}

std::string option_for(std::string_view key) {
  std::string option = "--" + std::string(key);
  std::replace_if(
      option.begin(), option.end(), [](char c) { return c == '_' || c == '.' || c == '/'; }, '-');
  return option;
}

std::optional<std::string> not_utf8(const RunLine& line) {
  std::vector<std::string> texts = line.listen;
  texts.insert(texts.end(), line.environment.begin(), line.environment.end());
  texts.insert(texts.end(), line.command.begin(), line.command.end());
  for (const auto& [name, value] : line.keys) texts.push_back(value);
  const auto wrong =
      std::find_if(texts.begin(), texts.end(), [](const std::string& text) { return !is_utf8(text); });
  return wrong == texts.end() ? std::nullopt : std::optional(*wrong);
}

std::string configuration_of(const RunLine& line, const CommandSearch& search) {
  Json file = Json::object();
  file["listen"] = line.listen.size() == 1 ? Json(line.listen.front()) : Json(line.listen);
  file["command"] = line.command;
  file["protocol"] = protocol_of(line, search);
  for (const RunKey& key : run_keys()) {
    const auto given = line.keys.find(key.name);
    if (given == line.keys.end() || given->second.empty()) continue;
    const bool off = std::string_view(key.name) == "control" && given->second == "false";
    set(file, key.name, key.is_text && !off ? Json(given->second) : value_of(given->second));
  }
  if (!line.environment.empty()) file["environment"] = environment_of(line.environment);
  return file.dump(2, ' ', /*ensure_ascii=*/false, Json::error_handler_t::replace) + "\n";
}

std::string place_on_command_line(std::string_view pointer) {
  if (pointer.empty()) return "";
  std::string_view key = pointer.substr(1);
  const auto is_option = [&](const RunKey& one) { return option_for(one.name) == option_for(key); };
  if (std::any_of(run_keys().begin(), run_keys().end(), is_option)) return option_for(key);
  key = key.substr(0, key.find('/'));
  return key == "command" ? "the program" : option_for(key);
}

}  // namespace prefork
