#include "supervisor/check.h"

#include <unistd.h>

#include <algorithm>
#include <fstream>
#include <iterator>
#include <set>
#include <sstream>
#include <utility>
#include <variant>

#include "config/control_path.h"
#include "config/control_place.h"
#include "config/key_place.h"
#include "config/node_check.h"
#include "config/reach.h"
#include "config/schema_words.h"
#include "supervisor/app/confinement.h"
#include "supervisor/app/descriptor_budget.h"
#include "supervisor/commands/command_line.h"
#include "supervisor/commands/running_supervisor.h"
#include "supervisor/listen/bind_check.h"
#include "supervisor/system/descriptor_limits.h"
#include "supervisor/system/read_filter.h"
#include "supervisor/system/worker_users.h"

namespace prefork {
namespace {

using Lines = std::vector<std::string>;

void append(Lines& lines, Lines more) {
  lines.insert(lines.end(), std::make_move_iterator(more.begin()), std::make_move_iterator(more.end()));
}

using Running = std::optional<RunningSupervisor>;

/// One of these addresses has the same port: it is perhaps another address of the same place, as 127.0.0.1:80
/// is of :80.
bool has_port_of(const ListenAddress& address, const std::set<std::string>& others) {
  const std::string port = ':' + std::to_string(address.port);
  return address.kind == ListenAddress::Kind::kTcp &&
         std::any_of(others.begin(), others.end(), [&](const auto& one) { return one.ends_with(port); });
}

/// What keeps a supervisor that starts now from listening there, unless `running`, the supervisor that runs
/// with this file, is what listens there. `place` is that of the address in the file.
void add_bind_fault(const std::string& place, const ListenAddress& address, const Running& running,
                    Lines& warnings) {
  if (running && running->listeners.count(address.text()) != 0) return;
  const auto fault = bind_fault(address);
  if (!fault || (fault->in_use && running && has_port_of(address, running->listeners))) return;
  const bool perhaps_own = fault->in_use && !running;
  warnings.push_back(place + ": a supervisor that starts now cannot listen at " + in_quotes(address.text()) +
                     ": " + fault->text +
                     (perhaps_own ? " (perhaps the supervisor that runs with this file)" : ""));
}

Lines bind_faults(const Config& config, const std::string& file, const Running& running) {
  Lines warnings;
  for (const PoolConfig& pool : config.pools) {
    const auto place = place_of_key(config, pool, "listen");
    for (const ListenAddress& address : pool.listen)
      add_bind_fault(file + ": " + (place ? place->pointer : "/listen"), address, running, warnings);
  }
  for (const auto& [key, addresses] :
       {std::pair("/admin", &config.admin.listen), std::pair("/agent", &config.admin.agent)}) {
    for (const ListenAddress& address : *addresses)
      add_bind_fault(file + ": " + key, address, running, warnings);
  }
  if (!config.control.empty() && !running)
    add_bind_fault(file + ": /control", control_address(config.control), running, warnings);
  return warnings;
}

/// Why a start by this user is refused, though the file may be right for the user that starts the supervisor.
Lines start_refusals(const Config& config, const std::string& file) {
  Lines warnings = log_file_start_faults(config, file);
  const bool as_root = can_change_user(0);
  for (const Result<void>& allowed :
       {check_users(config, user_rights(0)), check_admin_user(config.admin, as_root)}) {
    if (!allowed) {
      warnings.push_back(file + ": a supervisor that user " + std::to_string(::geteuid()) +
                         " starts now does not start: " + allowed.error().message());
    }
  }
  return warnings;
}

/// The soft limit of a process for its descriptors, if it is known. prlimit(2) needs more rights.
std::optional<std::size_t> descriptor_limit_of(pid_t process) {
  const std::string name = "Max open files";
  std::ifstream limits("/proc/" + std::to_string(process) + "/limits");
  for (std::string line; std::getline(limits, line);) {
    if (!line.starts_with(name)) continue;
    std::size_t soft = 0;
    return std::istringstream(line.substr(name.size())) >> soft ? std::optional(soft) : std::nullopt;
  }
  return std::nullopt;
}

/// The effective user of a process, if it is known.
std::optional<uid_t> user_of(pid_t process) {
  std::ifstream status("/proc/" + std::to_string(process) + "/status");
  uid_t real = 0;
  uid_t effective = 0;
  for (std::string word; status >> word;) {
    if (word == "Uid:" && status >> real >> effective) return effective;
  }
  return std::nullopt;
}

/// Why a reload of the supervisor that runs with the file is refused, though a start is not: what it was
/// started with stays.
Lines reload_refusals(const Config& config, const std::string& file, const Running& running) {
  std::vector<Result<void>> allowed;
  if (!running || running->pid == 0) return {};
  const auto limit = descriptor_limit_of(running->pid);
  if (running->seccomp_from != 0 && limit)
    allowed.push_back(check_descriptor_budget(config, *limit, running->seccomp_from));
  const auto own = user_of(running->pid);
  const auto spawner = user_of(running->spawner);
  if (own && spawner && *spawner == 0 && *own != 0)
    allowed.push_back(check_users(config, {.own = *own, .any_user = true, .given_up = true}));
  Lines warnings;
  for (const Result<void>& one : allowed) {
    if (one) continue;
    warnings.push_back(file + ": the supervisor that runs with this file, pid " +
                       std::to_string(running->pid) +
                       ", would refuse to reload it: " + one.error().message());
  }
  return warnings;
}

Lines node_doubts(const Config& config, const std::string& file, const std::string& path) {
  Lines warnings;
  for (const PoolConfig& pool : config.pools) {
    const std::string doubt = node_program_doubt(pool, path);
    if (doubt.empty()) continue;
    const auto place = place_of_key(config, pool, "command");
    warnings.push_back(file + ": " + (place ? place->pointer : "/command") + ": " + doubt);
  }
  return warnings;
}

}  // namespace

std::optional<Config> load_or_print(const std::string& file, const CommandSearch& search) {
  auto loaded = load_config(file, search);
  const auto* problems = std::get_if<ConfigProblems>(&loaded);
  if (problems == nullptr) return std::get<Config>(std::move(loaded));
  for (const ConfigProblem& problem : *problems) print_error(problem.message());
  return std::nullopt;
}

int print_mistakes(const std::vector<std::string>& mistakes) {
  for (const std::string& mistake : mistakes) print_error(mistake);
  return kUsageOrConfig;
}

int check_file(const std::string& file, const CommandSearch& search, CommandOutput& output) {
  const auto config = load_or_print(file, search);
  if (!config) return kUsageOrConfig;
  (void)raise_descriptor_limit();
  StartAnswers answers = ask_at_start(*config, file, search.libraries);
  if (auto fits = check_descriptor_budget(*config, descriptor_limit()); !fits)
    answers.mistakes.push_back(file + ": " + fits.error().message());
  if (!answers.mistakes.empty()) return print_mistakes(answers.mistakes);
  Lines warnings = std::move(answers.warnings);
  append(warnings, start_refusals(*config, file));
  append(warnings, node_doubts(*config, file, search.path));
  const Running running =
      running_supervisor(config->control_by_default ? find_default_control(file) : config->control, file);
  append(warnings, bind_faults(*config, file, running));
  append(warnings, reload_refusals(*config, file, running));
  if (config->seccomp.value_or(false)) {
    // Only installing the filter shows whether the kernel allows it. This process reads nothing more.
    if (auto denied = deny_reading_from(choose_first_client(*config, descriptor_limit())); !denied) {
      return print_mistakes({file + ": /seccomp: the filter cannot be installed here: " +
                             denied.error().message() + "; set it to false, or leave it out"});
    }
  }
  for (const std::string& warning : warnings) print_warning(warning);
  output.print_line(file + ": fine");
  return kFine;
}

}  // namespace prefork
