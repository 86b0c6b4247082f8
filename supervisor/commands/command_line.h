// The command line, parsed. No other file knows its syntax. main() calls it.
#pragma once

#include <chrono>
#include <cstddef>
#include <string>
#include <variant>
#include <vector>

#include "supervisor/commands/run_line.h"

namespace prefork {

/// The exit statuses of every command.
inline constexpr int kFine = 0;
inline constexpr int kNo = 1;  ///< the answer is no, or the command has failed
inline constexpr int kUsageOrConfig =
    2;  ///< a mistake in the command line or the configuration; nothing was tried
inline constexpr int kNotRunning = 3;  ///< no supervisor listens at the control socket

struct CommandLine {
  enum class Command {
    kRun,
    kRunGiven,  ///< runs with the configuration that the command line gives
    kCheck,
    kSchema,
    kInit,        ///< writes a configuration for a program
    kAdopt,       ///< replaces the program that has started it: an upgrade in place
    kAdoptCheck,  ///< tells whether kAdopt would succeed
    kReadConfig,  ///< reads the configuration for the supervisor that has started it
    // The rest talks to a running supervisor.
    kStatus,
    kHealth,
    kReload,
    kRestart,
    kScale,
    kStop,
    kResetFailed,
    kUpgrade,
    kEvents,
    kTop,
    kCompletion,  ///< prints the names of pools, for the completion of a shell
  };

  Command command = Command::kRun;
  std::string config_file;
  std::string control;                       ///< path of the control socket; empty: from the configuration
  std::string shell;                         ///< kCompletion
  std::vector<std::string> what;             ///< kInit: a directory, or a program and its arguments
  bool inetd = false;                        ///< kInit: the program serves its standard input and output
  std::string output_file;                   ///< kInit: the configuration to write
  std::string listen;                        ///< kInit: the address of the pool
  std::string admin;                         ///< kInit: the address of the dashboard, or "false"
  std::string pool;                          ///< empty: not named
  std::size_t workers = 0;                   ///< kScale
  RunLine run;                               ///< kRunGiven
  int descriptor = -1;                       ///< kAdopt, kAdoptCheck: of the state
  bool json = false;                         ///< kStatus, kEvents
  bool quick = false;                        ///< kStop
  bool wait = false;                         ///< kReload, kRestart: until the rollouts are over
  std::chrono::milliseconds interval{1000};  ///< kTop
};

/// The command line, or the exit status when nothing is left to do: the help or a mistake was printed.
[[nodiscard]] std::variant<CommandLine, int> parse_command_line(int argc, char** argv);

/// Prints "supervisor: message" to stderr.
void print_error(const std::string& message);
/// Prints "supervisor: warning: message" to stderr.
void print_warning(const std::string& message);

}  // namespace prefork
