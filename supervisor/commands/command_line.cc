#include "supervisor/commands/command_line.h"

#include <CLI/CLI.hpp>
#include <algorithm>
#include <cmath>
#include <cstdio>
#include <iostream>
#include <map>
#include <optional>
#include <sstream>
#include <string_view>
#include <vector>

#include "config/schema_words.h"
#include "proto/digits.h"
#include "proto/usage_formatter.h"
#include "proto/usage_mistake.h"
#include "supervisor/commands/command_output.h"
#include "supervisor/commands/command_tree.h"
#include "supervisor/commands/completion.h"
#include "supervisor/version.h"

namespace prefork {
namespace {

using Command = CommandLine::Command;

constexpr const char* kDescription =
    "Keeps a pool of worker processes, accepts connections for them and hands each open socket to the least\n"
    "busy worker.\n\n"
    "  supervisor -c pool.json             runs in the foreground\n"
    "  supervisor run --listen :8080 --workers 4 -- node server.js\n"
    "                                      the same without a file\n"
    "  supervisor status -c pool.json      prints the status of the supervisor that runs with this file";

constexpr const char* kPools = "pools";
/// The positional arguments of scale.
constexpr const char* kSize = "size";

/// The footer of a command. `yes`, `no`: what its status 0 and 1 say. Without `yes` it never is 0.
std::string exit_status(const std::string& yes, const std::string& no, const std::string& further) {
  return "Exit status:" + (yes.empty() ? "" : "\n  0  " + yes) + "\n  1  " + no + (no.empty() ? "" : "; ") +
         "the output is lost\n  2  " + further;
}

std::string client_exit_status(const std::string& yes, const std::string& no) {
  return exit_status(yes, no.empty() ? "no answer" : no + "; no answer", "usage or configuration") +
         "\n  3  no supervisor listens at the control socket";
}

constexpr const char* kRunFooter =
    "The program and its arguments come after --. It may be any server: it listens at the address as it\n"
    "always does, and gets PORT and HOST in its environment. Signals are those of \"supervisor --help\".\n\n"
    "Exit status:\n"
    "  0  everything was finished\n"
    "  1  failure: an address in use; connections cut at the stop\n"
    "  2  usage, or a value that is not possible";

constexpr const char* kFooter =
    "The commands from status on ask a running supervisor: that of a configuration (-c FILE), that of a\n"
    "control socket (--control PATH), or else the only one of this user that runs. \"supervisor COMMAND\n"
    "--help\" tells more.\n\n"
    "Signals to a running supervisor:\n"
    "  HUP         open the log file again; read the configuration again and apply it\n"
    "  USR1        open the log file again; write the live status to the log\n"
    "  USR2        upgrade in place: a new program takes over the process, its workers and connections\n"
    "  TTIN, TTOU  one worker more or one fewer in each pool\n"
    "  TERM, QUIT  stop gracefully, after stop_delay: serve the queue, let workers finish; each further\n"
    "              signal goes one step on: it ends the delay, then stops quickly\n"
    "  INT         stop quickly\n\n"
    "Exit status:\n"
    "  0  success; a supervisor in the foreground has stopped, and each connection at hand was finished\n"
    "  1  failure: the answer is no; an address is in use; connections were cut at the stop\n"
    "  2  usage or configuration\n"
    "  3  no supervisor listens at the control socket";

/// What to say in place of a word that is no command here. "": nothing special.
std::string meant_by(const std::string& word) {
  static const std::map<std::string, std::string> meant{{"start", "supervisor -c FILE"},
                                                        {"test", "supervisor check -c FILE"},
                                                        {"configtest", "supervisor check -c FILE"},
                                                        {"help", "supervisor --help"},
                                                        {"version", "supervisor --version"},
                                                        {"reopen", "supervisor reload"},
                                                        {"shutdown", "supervisor stop"},
                                                        {"quit", "supervisor stop"},
                                                        {"kill", "supervisor stop"}};
  const auto found = meant.find(word);
  return found == meant.end() ? "" : found->second;
}

class Parser {
 public:
  Parser() : app_(kDescription, "supervisor") {
    app_.formatter(std::make_shared<UsageFormatter>("run"));
    // --wait=30 is no limit of 30 seconds.
    app_.option_defaults()->disable_flag_override();
    app_.set_help_flag("-h,--help", "print this help and exit");
    app_.set_version_flag("--version", std::string("supervisor ") + kVersion, "print the version and exit");
    app_.add_option("-c,--config", line_.config_file, "the configuration, a JSON file")->type_name("FILE");
    app_.add_flag("-t,--test", test_, "check the configuration and exit, as the command check does");
    // Not for users: a running supervisor starts the program that replaces it, or itself as the reader of the
    // configuration, with these.
    adopt_ = app_.add_option("--adopt", line_.descriptor)->group("");
    read_config_ = app_.add_flag("--read-config")->group("");
    adopt_check_ = app_.add_option("--adopt-check", line_.descriptor)->group("");
    app_.require_subcommand(0, 1);
    add_run();
    add_file_commands();
    add_queries();
    add_controls();
    add_completion();
    app_.footer(kFooter);  // after the commands: a command that is added later inherits the footer
  }

  std::variant<CommandLine, int> parse(int argc, char** argv) {
    try {
      app_.parse(take_program(argc, argv), argv);
    } catch (const CLI::ParseError& error) {
      return report(error);
    }
    for (const auto& [command, meaning] : commands_) {
      if (command->parsed()) line_.command = meaning;
    }
    if (*adopt_) line_.command = Command::kAdopt;
    if (*read_config_) line_.command = Command::kReadConfig;
    if (*adopt_check_) line_.command = Command::kAdoptCheck;
    if (line_.command == Command::kCompletion && line_.shell != kPools) return print_completion();
    if (test_ && line_.command == Command::kRun) line_.command = Command::kCheck;
    if (line_.command == Command::kScale && !read_size()) {
      return print_error(
                 "scale: say how many workers, and of which pool if there are several: scale [POOL] N "
                 "(supervisor scale --help tells more)"),
             kUsageOrConfig;
    }
    if (!(interval_ >= 0.1 && interval_ <= 3600))
      return print_error("top: --interval must be from 0.1 to 3600 seconds"), kUsageOrConfig;
    line_.interval = std::chrono::milliseconds(std::lround(interval_ * 1000));
    if (line_.command == Command::kRunGiven && line_.run.command.empty())
      return print_error(
                 "run: name the program after --: supervisor run --listen :8080 -- node server.js "
                 "(supervisor run --help tells more)"),
             kUsageOrConfig;
    if (const auto wrong = not_utf8(line_.run))
      return print_error("run: " + in_quotes(*wrong) + " is not UTF-8, as all texts of a configuration are"),
             kUsageOrConfig;
    const bool needs_file = line_.command == Command::kRun || line_.command == Command::kCheck;
    if (needs_file && line_.config_file.empty())
      return print_error("no configuration named: say -c FILE (supervisor --help tells more)"),
             kUsageOrConfig;
    return line_;
  }

 private:
  /// Of `run` and `init`: what follows the first "--" is the program, whatever it looks like. Returns the
  /// number of arguments before.
  int take_program(int argc, char** argv) {
    const std::string_view separator = "--";
    char** const end = argv + argc;
    const std::string_view command = argc < 2 ? "" : argv[1];
    if (command != "run" && command != "init") return argc;
    char** const found = std::find(argv, end, separator);
    if (found != end) (command == "run" ? line_.run.command : line_.what).assign(found + 1, end);
    return static_cast<int>(found - argv);
  }

  /// Prints the help, or the mistake.
  int report(const CLI::ParseError& error) const {
    if (error.get_exit_code() != 0) {
      const std::vector<std::string> extra = app_.remaining(/*recurse=*/true);
      const std::string first = extra.empty() ? "" : extra.front();
      if (first.ends_with(".json")) {
        print_error(first + " is not expected here; a configuration is named with -c: -c " + first);
      } else if (const std::string say = meant_by(first); !say.empty()) {
        print_error(first + " is not a command; say: " + say);
      } else {
        print_error(usage_mistake(app_, error, "a command"));
      }
      return kUsageOrConfig;
    }
    std::ostringstream help;
    (void)app_.exit(error, help, std::cerr);
    CommandOutput output;
    output.print(help.str());
    return output.finish(kFine);
  }

  CLI::App* add(const char* name, Command meaning, const char* description) {
    CLI::App* command = app_.add_subcommand(name, description);
    commands_.emplace_back(command, meaning);
    return command;
  }

  /// A command that talks to a running supervisor. `yes`, `no`: what its status 0 and 1 say.
  CLI::App* add_client(const char* name, Command meaning, const char* description, const char* yes,
                       const char* no) {
    CLI::App* command = add(name, meaning, description);
    command->footer(client_exit_status(yes, no));
    command
        ->add_option("-c,--config", line_.config_file,
                     "the supervisor's configuration; left out: the only one that runs")
        ->type_name("FILE");
    command->add_option("--control", line_.control, "the supervisor's control socket")->type_name("PATH");
    return command;
  }

  void add_pool(CLI::App* command) {
    command->add_option("POOL", line_.pool, "the pool; all pools if none is named")->type_name("");
  }

  void add_wait(CLI::App* command) {
    command->add_flag("--wait", line_.wait,
                      "return when the new workers have taken over, or have not: with the reason");
  }

  void add_run() {
    CLI::App* run =
        add("run", Command::kRunGiven, "Run a program with the keys of the command line: no file is needed.");
    run->add_option("--listen", line_.run.listen, "where clients connect; may be repeated")
        ->type_name("ADDRESS")
        ->expected(1)
        ->take_all()
        ->required();
    for (const RunKey& key : run_keys())
      run->add_option(option_for(key.name), line_.run.keys[key.name], key.help)->type_name(key.value);
    run->add_option("--environment,--env", line_.run.environment,
                    "a variable for the program; may be repeated")
        ->type_name("NAME=VALUE")
        ->check([](const std::string& variable) {
          return variable.find('=') == std::string::npos
                     ? variable + " has no value; write " + variable + "=VALUE"
                     : "";
        })
        ->expected(1)
        ->take_all();
    run->add_flag("--print", line_.run.print, "print the configuration that the options stand for, and exit");
    run->footer(kRunFooter);
  }

  void add_file_commands() {
    CLI::App* check =
        add("check", Command::kCheck, "Check a configuration; print mistakes and warnings, start nothing.");
    check->add_option("-c,--config", line_.config_file, "the configuration, a JSON file")->type_name("FILE");
    check->footer(exit_status("the file is right, perhaps with warnings", "",
                              "the file has a mistake, or the command line has"));
    CLI::App* init =
        add("init", Command::kInit,
            "Write a commented configuration for a program that it recognises; run nothing of it.");
    init->add_option("DIRECTORY", line_.what,
                     "the program's directory, by default the current one; or the program and its arguments, "
                     "after --")
        ->type_name("[DIRECTORY | -- PROGRAM]");
    init->add_option("-o,--output", line_.output_file, "the file to write, pool.json by default")
        ->type_name("FILE");
    init->add_option("--listen", line_.listen,
                     "where clients connect, 127.0.0.1:8000 by default (PHP: 127.0.0.1:9000)")
        ->type_name("ADDRESS");
    init->add_option("--admin", line_.admin, "where the dashboard is, 127.0.0.1:9465 by default; false: none")
        ->type_name("ADDRESS");
    init->add_flag("--inetd", line_.inetd,
                   "the program serves one connection, on its standard input and output");
    init->footer(exit_status("the file is written",
                             "no program is recognised; the file exists already, or cannot be written",
                             "usage"));
    add("schema", Command::kSchema, "Print the JSON schema of the configuration, for editors.")
        ->footer(exit_status("success", "", "usage"));
  }

  void add_queries() {
    add_client("status", Command::kStatus, "Print the live status.", "success", "")
        ->add_flag("--json", line_.json, "print all values, as JSON");
    add_client("health", Command::kHealth,
               "Print a line for each pool, and what is wrong with the last reload and the log file.",
               "each pool has a ready worker, or is meant to have none; and clients can reach its sockets",
               "they do not, or the supervisor is stopping");
    add_client("top", Command::kTop, "Show the live status, renewed each second, until q is pressed.",
               "q was pressed", "")
        ->add_option("--interval", interval_, "seconds between two updates, 0.1 to 3600; 1 by default")
        ->type_name("SECONDS");
    add_client("events", Command::kEvents,
               "Print each event from now on, one a line, until the supervisor has stopped.", "", "")
        ->add_flag("--json", line_.json, "print JSON objects");
  }

  void add_controls() {
    add_wait(add_client(
        "reload", Command::kReload, "Read the configuration again; print the changes, or every mistake.",
        "applied; with --wait: and the new workers have taken over",
        "refused, nothing has changed; with --wait: or the old workers stay, or the supervisor has ended"));
    CLI::App* restart = add_client(
        "restart", Command::kRestart, "Replace the workers by new ones, without losing a connection.",
        "begun; with --wait: the new workers have taken over",
        "refused; with --wait: or the old workers stay, or the supervisor has ended");
    add_pool(restart);
    add_wait(restart);
    add_client("scale", Command::kScale, "Set the number of workers until the next reload.", "done",
               "refused")
        ->add_option(kSize, size_, "the pool, if there are several, and the number of workers")
        ->type_name("[POOL] N")
        ->expected(1, 2);
    add_client("upgrade", Command::kUpgrade, "Replace the supervisor's own program by the installed one.",
               "the new program has taken over", "refused, the program that runs goes on");
    add_client("stop", Command::kStop, "Stop gracefully; return when the supervisor has stopped.",
               "stopped, and each connection at hand was finished", "stopped, but connections were cut")
        ->add_flag("--quick", line_.quick, "do not wait for what is busy");
    add_pool(add_client("reset-failed", Command::kResetFailed,
                        "Start failed workers at once, without the restart delay.", "done", "refused"));
  }

  /// Hidden: packages install what it prints. "pools": the names of the pools, for these scripts.
  void add_completion() {
    CLI::App* completion =
        add_client("completion", Command::kCompletion,
                   "Print the completion of this command line for a shell.", "success", "");
    completion->group("");
    completion->add_option("SHELL", line_.shell, "bash, zsh or fish")
        ->required()
        ->type_name("")
        ->check([](const std::string& shell) {
          const bool known = shell == "bash" || shell == "zsh" || shell == "fish" || shell == kPools;
          return known ? "" : shell + " is not a shell that is known here; say bash, zsh or fish";
        });
  }

  int print_completion() const {
    const auto tree = command_tree(app_);
    CommandOutput output;
    output.print(line_.shell == "bash"  ? bash_completion(tree)
                 : line_.shell == "zsh" ? zsh_completion(tree)
                                        : fish_completion(tree));
    return output.finish(kFine);
  }

  bool read_size() {
    if (size_.empty()) return false;
    const auto workers = parse_digits<std::size_t>(size_.back());
    line_.workers = workers.value_or(0);
    if (size_.size() == 2) line_.pool = size_.front();
    return workers.has_value();
  }

  CLI::App app_;
  CommandLine line_;
  bool test_ = false;
  double interval_ = 1;  ///< in seconds
  CLI::Option* adopt_ = nullptr;
  CLI::Option* adopt_check_ = nullptr;
  CLI::Option* read_config_ = nullptr;
  std::vector<std::string> size_;
  std::vector<std::pair<CLI::App*, Command>> commands_;
};

}  // namespace

std::variant<CommandLine, int> parse_command_line(int argc, char** argv) {
  return Parser().parse(argc, argv);
}

void print_error(const std::string& message) {
  (void)std::fprintf(stderr, "supervisor: %s\n", message.c_str());
}

void print_warning(const std::string& message) { print_error("warning: " + message); }

}  // namespace prefork
