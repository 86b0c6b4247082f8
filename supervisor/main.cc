// main(): runs the supervisor, checks a configuration, or runs a command that asks a running supervisor.
#include <unistd.h>

#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <optional>
#include <string>
#include <utility>
#include <variant>
#include <vector>

#include "config/load.h"
#include "config/relative_path.h"
#include "config/schema.h"
#include "supervisor/adopt.h"
#include "supervisor/app/config_answer.h"
#include "supervisor/app/supervisor.h"
#include "supervisor/check.h"
#include "supervisor/commands/client_commands.h"
#include "supervisor/commands/command_line.h"
#include "supervisor/commands/command_output.h"
#include "supervisor/commands/init.h"
#include "supervisor/commands/pool_names.h"
#include "supervisor/loop/log.h"
#include "supervisor/loop/log_sink.h"
#include "supervisor/spawner/spawner.h"
#include "supervisor/system/accept_library.h"
#include "supervisor/system/descriptor_limits.h"
#include "supervisor/system/own_process.h"
#include "supervisor/system/program_path.h"
#include "supervisor/version.h"

namespace {

using namespace prefork;

CommandSearch command_search() {
  const char* path = std::getenv("PATH");
  return CommandSearch{path == nullptr ? "" : path, own_directory(), accept_library_directory()};
}

/// Before anything is served: this may wait.
Result<void> open_log_file(const Config& config, Log& log) {
  if (config.log_file.empty()) return {};
  auto opened = log.sink().open_file(config.log_file, std::chrono::steady_clock::time_point::max());
  if (!opened) return opened.error();
  log.sink().go_on_in(config.log_file, std::move(opened).value());
  (void)std::fprintf(stderr, "supervisor: the log is written to %s\n", config.log_file.c_str());
  return {};
}

/// The configuration of `supervisor run`, or nothing: its mistakes are printed, each with its option.
std::optional<Config> parse_or_print(const std::string& text, const std::string& file) {
  auto parsed = parse_config(text, file, command_search());
  const auto* problems = std::get_if<ConfigProblems>(&parsed);
  if (problems == nullptr) return std::get<Config>(std::move(parsed));
  for (const ConfigProblem& problem : *problems) {
    const std::string place = place_on_command_line(problem.pointer);
    print_error("run: " + (place.empty() ? "" : place + ": ") + problem.what);
  }
  return std::nullopt;
}

int print_configuration(const RunLine& line) {
  const std::string text = configuration_of(line, command_search());
  if (!parse_or_print(text, absolute_path(kCommandLine))) return kUsageOrConfig;
  CommandOutput output;
  output.print(text);
  return output.finish(kFine);
}

/// `given`: the text of the configuration, when there is no file.
int run(const std::string& file, const std::optional<std::string>& given, const std::string& program) {
  ActivatedSockets activated = ActivatedSockets::take();
  normalize_process();
  hold_only_requests();
  // The spawner comes first: it must inherit no descriptor, and nothing that the supervisor reads.
  const rlimit original = descriptor_limits();
  auto spawner = start_spawner(original);
  if (!spawner) return print_error(spawner.error().message()), kUsageOrConfig;
  (void)raise_descriptor_limit();

  const auto config = given ? parse_or_print(*given, file) : load_or_print(file, command_search());
  if (!config) return kUsageOrConfig;
  const StartAnswers answers = ask_at_start(*config, file, command_search().libraries);
  if (!answers.mistakes.empty()) return print_mistakes(answers.mistakes);

  Log log(STDERR_FILENO);
  log.set_level(config->log_level);
  log.set_format(config->log_format);
  if (auto opened = open_log_file(*config, log); !opened)
    return print_error(file + ": /log/file: " + opened.error().message()), kUsageOrConfig;
  log.info("supervisor {} starts, pid {}, configuration {}", kVersion, getpid(), file);
  Supervisor supervisor(
      {{file, command_search(), std::move(activated), given.has_value()}, original, program}, log,
      std::move(spawner).value());
  unblock_signals();  // the handlers stand
  if (auto started = supervisor.start(*config, answers); !started) {
    log.error("{}", started.error().message());
    if (!config->log_file.empty()) return print_error(started.error().message()), 1;
    return 1;
  }
  return run_until_stopped(supervisor, log);
}

int print_schema(CommandOutput& output) {
  output.print(pool_schema());
  return kFine;
}

/// The commands other than kRun and those of an upgrade.
int run_command(const CommandLine& line, CommandOutput& output) {
  if (line.command == CommandLine::Command::kCheck)
    return check_file(line.config_file, command_search(), output);
  if (line.command == CommandLine::Command::kSchema) return print_schema(output);
  if (line.command == CommandLine::Command::kInit) return init(line, command_search(), output);
  if (line.command == CommandLine::Command::kCompletion) return print_pool_names(line, output);
  return run_client_command(line, output);
}

}  // namespace

// NOLINTNEXTLINE(bugprone-exception-escape): out of memory is the only one left, and ends the program.
int main(int argc, char** argv) {
  hold_requests();
  const auto parsed = parse_command_line(argc, argv);
  if (const int* status = std::get_if<int>(&parsed)) return *status;
  const auto& line = std::get<CommandLine>(parsed);
  switch (line.command) {
    case CommandLine::Command::kRun:
      return run(absolute_path(line.config_file), std::nullopt, program_path(argv[0]));
    case CommandLine::Command::kRunGiven:
      if (line.run.print) return print_configuration(line.run);
      return run(absolute_path(kCommandLine), configuration_of(line.run, command_search()),
                 program_path(argv[0]));
    case CommandLine::Command::kAdopt: return adopt(line.descriptor, program_path(argv[0]), command_search());
    case CommandLine::Command::kAdoptCheck: return adopt_check(line.descriptor, command_search());
    case CommandLine::Command::kReadConfig: return answer_config_request();
    case CommandLine::Command::kCheck:
    case CommandLine::Command::kSchema:
    case CommandLine::Command::kInit:
    case CommandLine::Command::kStatus:
    case CommandLine::Command::kTop:
    case CommandLine::Command::kHealth:
    case CommandLine::Command::kReload:
    case CommandLine::Command::kRestart:
    case CommandLine::Command::kScale:
    case CommandLine::Command::kStop:
    case CommandLine::Command::kResetFailed:
    case CommandLine::Command::kUpgrade:
    case CommandLine::Command::kCompletion:
    case CommandLine::Command::kEvents: break;
  }
  unblock_signals();
  CommandOutput output;
  return output.finish(run_command(line, output));
}
