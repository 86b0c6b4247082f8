#include "supervisor/commands/client_commands.h"

#include <algorithm>
#include <cerrno>
#include <cstdint>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <utility>
#include <variant>
#include <vector>

#include "config/control_place.h"
#include "proto/counted.h"
#include "supervisor/commands/control_client.h"
#include "supervisor/commands/find_supervisor.h"
#include "supervisor/commands/health.h"
#include "supervisor/commands/process_usage.h"
#include "supervisor/commands/rollout_wait.h"
#include "supervisor/commands/supervisor_start.h"
#include "supervisor/commands/top.h"
#include "supervisor/control/describe.h"
#include "supervisor/control/operations.h"

namespace prefork {
namespace {

using Json = nlohmann::ordered_json;
using Command = CommandLine::Command;

int print_refusal(const std::string& message) {
  print_error(message);
  return kNo;
}

std::string dump(const Json& value, int indent = -1) {
  return value.dump(indent, ' ', /*ensure_ascii=*/false, Json::error_handler_t::replace);
}

Json pool_parameter(const CommandLine& line) {
  Json parameters = Json::object();
  if (!line.pool.empty()) parameters["pool"] = line.pool;
  return parameters;
}

/// Prints "pool NAME: `what`" for each pool of the answer.
template <typename Words>
int print_pools(const Result<Json>& answer, CommandOutput& output, const Words& what) {
  if (!answer) return print_refusal(answer.error().message());
  for (const Json& pool : answer.value().value("pools", Json::array()))
    output.print_line("pool " + pool.get<std::string>() + ": " + what(pool));
  return kFine;
}

int reset_failed(ControlClient& client, const CommandLine& line, CommandOutput& output) {
  return print_pools(client.call("reset_failed", pool_parameter(line)), output, [](const Json&) {
    return std::string("failures are forgotten, missing workers start at once");
  });
}

int status(ControlClient& client, const CommandLine& line, CommandOutput& output) {
  const Json parameters = Json::object({{"format", line.json ? "values" : "table"}});
  const auto result = client.call("status", parameters);
  if (!result) return print_refusal(result.error().message());
  const ProcessUsage usage(client.peer());
  if (line.json) {
    Json values = result.value();
    usage.add_to(values);
    output.print_line(dump(values, 2));
    return kFine;
  }
  for (const std::string& text : usage.added_to(result.value().value("lines", std::vector<std::string>())))
    output.print_line(text);
  return kFine;
}

int health(ControlClient& client, CommandOutput& output) {
  const auto result = client.call("status", Json::object());
  if (!result) return print_refusal(result.error().message());
  const Health found = judge_health(result.value());
  for (const std::string& text : found.lines) output.print_line(text);
  return found.healthy ? kFine : kNo;
}

int reload_now(ControlClient& client, CommandOutput& output) {
  const auto result = client.call("reload", Json::object());
  if (!result) return print_refusal(result.error().message());
  for (const Json& change : result.value().value("changes", Json::array()))
    output.print_line(change.get<std::string>());
  for (const Json& warning : result.value().value("warnings", Json::array()))
    print_warning(warning.get<std::string>());
  if (result.value().value("applied", false)) return kFine;
  for (const Json& mistake : result.value().value("mistakes", Json::array()))
    print_error(mistake.get<std::string>());
  return print_refusal("reload refused, nothing has changed");
}

int reload(ControlClient& client, const CommandLine& line, const std::string& path, CommandOutput& output) {
  if (!line.wait) return reload_now(client, output);
  RolloutWait rollouts(client, path, output);
  if (auto begun = rollouts.begin(); !begun) return print_refusal(begun.error().message());
  const int status = reload_now(client, output);
  return status == kFine ? rollouts.wait({}) : status;
}

int restart_now(ControlClient& client, const CommandLine& line, CommandOutput& output) {
  const auto answer = client.call("restart", pool_parameter(line));
  return print_pools(answer, output, [&](const Json& pool) {
    const Json again = answer.value().value("tried_again", Json::array());
    return describe_restart(std::find(again.begin(), again.end(), pool) != again.end());
  });
}

int restart(ControlClient& client, const CommandLine& line, const std::string& path, CommandOutput& output) {
  if (!line.wait) return restart_now(client, line, output);
  RolloutWait rollouts(client, path, output);
  if (auto begun = rollouts.begin(); !begun) return print_refusal(begun.error().message());
  const int status = restart_now(client, line, output);
  return status == kFine ? rollouts.wait(line.pool) : status;
}

int scale(ControlClient& client, const CommandLine& line, CommandOutput& output) {
  Json parameters = pool_parameter(line);
  parameters["workers"] = line.workers;
  const auto result = client.call("scale", parameters);
  if (!result) return print_refusal(result.error().message());
  const Json& scaled = result.value();
  const std::string pool = scaled.value("pool", "");
  output.print_line("pool " + pool + ": " +
                    describe(Operations::Scaled{pool, scaled.value("before", 0U), scaled.value("workers", 0U),
                                                scaled.value("elastic", false)}));
  return kFine;
}

/// Says what the stop has cut, as the log does.
int stop(ControlClient& client, const CommandLine& line, CommandOutput& output) {
  if (auto subscribed = client.call("subscribe", Json::object()); !subscribed)
    return print_refusal(subscribed.error().message());
  const auto result = client.call("stop", Json::object({{"quick", line.quick}}));
  if (!result) return print_refusal(result.error().message());
  bool cut = false;
  while (const auto event = client.next_event()) {
    if (event->value("event", "") != "pool_stopped") continue;
    const bool cut_here = event->value("cut", 0U) > 0;
    cut = cut || cut_here;
    const std::string text = "pool " + event->value("pool", "") + ": " + event->value("text", "");
    if (cut_here || event->value("killed", 0U) > 0) {
      print_error(text);
    } else {
      output.print_line(text);
    }
  }
  return cut ? kNo : kFine;
}

std::string upgrade_refused(const std::string& why) { return "upgrade refused: " + why; }

/// The supervisor closes the connections of its clients when the next program takes over; the next program
/// answers at the same path.
int upgrade(ControlClient& client, const std::string& path, CommandOutput& output) {
  if (auto subscribed = client.call("subscribe", Json::object()); !subscribed)
    return print_refusal(subscribed.error().message());
  std::optional<SupervisorStart> supervisor;
  if (const auto before = status_of_same(client, supervisor); !before)
    return print_refusal(before.error().message());
  if (auto begun = client.call("upgrade", Json::object()); !begun)
    return print_refusal(upgrade_refused(begun.error().message()));
  while (const auto event = client.next_event()) {
    if (event->value("event", "") == "upgrade_refused")
      return print_refusal(upgrade_refused(event->value("text", "")));
  }
  auto next = ControlClient::connect(path);
  if (!next) return print_refusal(ControlClient::lost(next.error()).message());
  const auto status = status_of_same(next.value(), supervisor);
  if (!status) return print_refusal("not upgraded: " + status.error().message());
  output.print_line("supervisor " + status.value().value("version", "") + " has taken over, pid " +
                    std::to_string(status.value().value("pid", 0)));
  return kFine;
}

/// "2026-01-31T12:34:56.789Z 17 worker_ready pool=web worker=3 …"
std::string event_text(const Json& event) {
  std::string text =
      event.value("time", "") + ' ' + std::to_string(event.value("seq", 0)) + ' ' + event.value("event", "");
  for (const auto& [key, value] : event.items()) {
    if (key == "time" || key == "seq" || key == "event") continue;
    const bool bare = value.is_string() && !value.get_ref<const std::string&>().empty() &&
                      value.get_ref<const std::string&>().find_first_of(" \"=\n") == std::string::npos;
    text += ' ';
    text += key;
    text += '=';
    text += bare ? value.get<std::string>() : dump(value);
  }
  return text;
}

/// Prints the events of one connection until it ends. `last`: the number of the last event before them; kept
/// up to date. False: the output is lost.
bool print_events(ControlClient& client, bool json, std::uint64_t& last, CommandOutput& output) {
  while (const auto event = client.next_event()) {
    const std::uint64_t seq = event->value("seq", last + 1);
    if (const std::uint64_t missed = seq - last - 1; seq > last + 1)
      print_error(counted(missed, "event") + ' ' + was(missed) + " missed");
    last = seq;
    output.print_line(json ? dump(*event) : event_text(*event));
    if (output.error() != 0) return false;
  }
  return true;
}

/// Goes on after a lost connection: in an upgrade in place the next program answers at the same path, and has
/// the events that came meanwhile.
int events(ControlClient client, const CommandLine& line, const std::string& path, CommandOutput& output) {
  auto subscribed = client.call("subscribe", Json::object());
  if (!subscribed) return print_refusal(subscribed.error().message());
  std::uint64_t last = subscribed.value().value("seq", std::uint64_t{0});
  while (print_events(client, line.json, last, output)) {
    auto next = ControlClient::connect(path);
    if (!next) {
      print_error(ControlClient::lost(next.error()).message());
      return ControlClient::none_listens(next.error()) ? kNotRunning : kNo;
    }
    client = std::move(next).value();
    subscribed = client.call("subscribe", Json::object({{"since", last}}));
    if (subscribed && subscribed.value().value("seq", last) < last) {
      print_error("another supervisor answers now, with events of its own");
      last = 0;
      subscribed = client.call("subscribe", Json::object({{"since", last}}));
    }
    // A supervisor that stops closes its listening socket a moment after the connections.
    if (!subscribed && ControlClient::connect(path)) return print_refusal(subscribed.error().message());
  }
  return kFine;
}

int run(ControlClient client, const CommandLine& line, const std::string& path, CommandOutput& output) {
  switch (line.command) {
    case Command::kStatus: return status(client, line, output);
    case Command::kHealth: return health(client, output);
    case Command::kReload: return reload(client, line, path, output);
    case Command::kRestart: return restart(client, line, path, output);
    case Command::kScale: return scale(client, line, output);
    case Command::kStop: return stop(client, line, output);
    case Command::kResetFailed: return reset_failed(client, line, output);
    case Command::kUpgrade: return upgrade(client, path, output);
    case Command::kEvents: return events(std::move(client), line, path, output);
    case Command::kTop: return top(std::move(client), path, line.interval);
    case Command::kInit:
    case Command::kCompletion:
    case Command::kRun:
    case Command::kRunGiven:
    case Command::kCheck:
    case Command::kSchema:
    case Command::kAdopt:
    case Command::kAdoptCheck:
    case Command::kReadConfig: break;
  }
  return kUsageOrConfig;
}

}  // namespace

int run_client_command(const CommandLine& line, CommandOutput& output) {
  const auto found = find_supervisor(line);
  if (const int* status = std::get_if<int>(&found)) return *status;
  std::string path = std::get<std::string>(found);
  const auto patience = line.command == Command::kTop ? kTopPatience : ControlClient::kPatience;
  auto client = ControlClient::connect(path, patience);
  if (!client && ControlClient::none_listens(client.error()) && !line.config_file.empty()) {
    if (auto running = running_with(line.config_file, runtime_directories())) {
      print_warning("no supervisor listens at " + path + ", as " + line.config_file +
                    " has it; the one that runs with this file still listens at " + *running);
      path = std::move(*running);
      client = ControlClient::connect(path, patience);
    }
  }
  if (!client) {
    const bool denied = client.error().code.value() == EACCES;
    if (!ControlClient::none_listens(client.error()))
      return print_refusal(client.error().message() +
                           (denied ? "; only root and the supervisor's own user may connect" : ""));
    print_error("no supervisor listens at " + client.error().message() + when_none_listens(line));
    return kNotRunning;
  }
  try {
    return run(std::move(client).value(), line, path, output);
  } catch (const Json::exception& unexpected) {
    return print_refusal("the program that answers at " + path +
                         " is not a supervisor: " + unexpected.what());
  }
}

}  // namespace prefork
