// What the user has asked for on the command line. The only place that knows how it is parsed.
#pragma once

#include <chrono>
#include <cstddef>
#include <string>
#include <variant>

namespace prefork {

/// The exit statuses of every command.
inline constexpr int kFine = 0;
inline constexpr int kNo = 1;             ///< the answer is no, or it did not go well
inline constexpr int kUsageOrConfig = 2;  ///< nothing was tried
inline constexpr int kNotRunning = 3;     ///< nobody listens at the control socket

struct CommandLine {
  enum class Command {
    kRun,
    kCheck,
    kSchema,
    kAdopt,       ///< takes the place of the program that has started it: an upgrade
    kAdoptCheck,  ///< says whether it could
    // The rest asks a supervisor that runs.
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
  };

  Command command = Command::kRun;
  std::string config_file;
  std::string control;                       ///< path of the control socket; empty: as the configuration says
  std::string pool;                          ///< empty: not named
  std::size_t workers = 0;                   ///< kScale
  int descriptor = -1;                       ///< kAdopt, kAdoptCheck: of the state
  bool json = false;                         ///< kStatus, kEvents
  bool quick = false;                        ///< kStop
  std::chrono::milliseconds interval{1000};  ///< kTop
};

/// The exit status instead when there is nothing left to do: help was printed, or a mistake was.
[[nodiscard]] std::variant<CommandLine, int> parse_command_line(int argc, char** argv);

/// Prints "supervisor: message" to stderr.
void print_error(const std::string& message);

}  // namespace prefork
