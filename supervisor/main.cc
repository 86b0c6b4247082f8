// The command line.
#include <unistd.h>

#include <CLI/CLI.hpp>
#include <cstdio>
#include <cstdlib>
#include <string>
#include <utility>
#include <variant>

#include "config/load.h"
#include "config/schema.h"
#include "supervisor/io/log.h"
#include "supervisor/io/supervisor.h"
#include "supervisor/io/surroundings.h"
#include "supervisor/spawner/spawner.h"
#include "supervisor/version.h"

namespace {

using namespace prefork;

constexpr int kUsageOrConfig = 2;

CommandSearch command_search() {
  const char* path = std::getenv("PATH");
  return CommandSearch{path == nullptr ? "" : path, own_directory()};
}

int fail(const std::string& message) {
  (void)std::fprintf(stderr, "supervisor: %s\n", message.c_str());
  return kUsageOrConfig;
}

/// Prints what is wrong; the configuration when nothing is.
std::optional<Config> load(const std::string& file) {
  auto loaded = load_config(file, command_search());
  const auto* problems = std::get_if<ConfigProblems>(&loaded);
  if (problems == nullptr) return std::get<Config>(std::move(loaded));
  for (const ConfigProblem& problem : *problems) (void)fail(problem.message());
  return std::nullopt;
}

int check(const std::string& file) {
  const auto config = load(file);
  if (!config) return kUsageOrConfig;
  (void)raise_descriptor_limit();
  if (auto fits = check_descriptor_budget(*config, descriptor_limit()); !fits) {
    return fail(file + ": " + fits.error().message());
  }
  (void)std::printf("%s: fine\n", file.c_str());
  return 0;
}

int run(const std::string& file) {
  normalize_process();
  // The spawner first: nothing has been opened yet, and nothing read that it would carry along.
  rlimit original{};
  (void)getrlimit(RLIMIT_NOFILE, &original);
  auto spawner = start_spawner(original);
  if (!spawner) return fail(spawner.error().message());
  (void)raise_descriptor_limit();

  auto lock = lock_config(file);
  if (!lock) return fail(lock.error().message());
  const auto config = load(file);
  if (!config) return kUsageOrConfig;

  Log log(STDERR_FILENO);
  log.set_level(config->log_level);
  log.info("supervisor {} starts, pid {}, configuration {}", kVersion, getpid(), file);
  Supervisor supervisor({file, command_search(), original}, log, std::move(spawner).value());
  if (auto started = supervisor.start(*config, std::move(lock).value()); !started) {
    log.error("{}", started.error().message());
    return 1;
  }
  const int status = supervisor.run();
  log.info("stopped");
  (void)log.write_pending();
  return status;
}

}  // namespace

// NOLINTNEXTLINE(bugprone-exception-escape): out of memory is the only one left, and ends the program.
int main(int argc, char** argv) {
  CLI::App app(
      "Keeps a pool of worker processes, accepts connections for them and hands each, as an open socket, to "
      "the least\n"
      "busy worker.");
  app.footer(
      "Signals of a running supervisor:\n"
      "  HUP         read the configuration again and apply it\n"
      "  USR1        write the live status to stderr\n"
      "  TTIN, TTOU  one worker more, one fewer, in each pool\n"
      "  TERM, QUIT  stop when everything at hand is finished; a second one stops at once\n"
      "  INT         stop at once\n"
      "Exit status: 0 fine, 1 it was not (an address in use, connections cut while stopping), 2 usage or "
      "configuration.");
  app.set_version_flag("--version", std::string("supervisor ") + kVersion);
  std::string file;
  bool test = false;
  app.add_option("-c,--config", file, "the configuration, a JSON file")->type_name("FILE");
  app.add_flag("-t,--test", test, "check the configuration and exit, as the command check does");
  CLI::App* check_command =
      app.add_subcommand("check", "Check a configuration and exit: status 0 when it is fine, 2 when not.");
  check_command->add_option("-c,--config", file, "the configuration, a JSON file")->type_name("FILE");
  CLI::App* schema_command =
      app.add_subcommand("schema", "Print the JSON schema of the configuration, for editors.");
  app.require_subcommand(0, 1);
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    return app.exit(error) == 0 ? 0 : kUsageOrConfig;
  }
  if (schema_command->parsed()) {
    const std::string_view schema = pool_schema();
    (void)std::fwrite(schema.data(), 1, schema.size(), stdout);
    return 0;
  }
  if (file.empty()) return fail("which configuration? Say: supervisor -c pool.json; --help tells more");
  return test || check_command->parsed() ? check(file) : run(file);
}
