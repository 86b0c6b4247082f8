#include "supervisor/check.h"

#include <algorithm>
#include <iterator>
#include <set>
#include <utility>
#include <variant>

#include "config/control_path.h"
#include "config/control_place.h"
#include "config/key_place.h"
#include "config/node_check.h"
#include "config/schema_words.h"
#include "supervisor/app/confinement.h"
#include "supervisor/app/descriptor_budget.h"
#include "supervisor/commands/command_line.h"
#include "supervisor/commands/running_listeners.h"
#include "supervisor/listen/bind_check.h"
#include "supervisor/system/descriptor_limits.h"
#include "supervisor/system/read_filter.h"

namespace prefork {
namespace {

using Lines = std::vector<std::string>;

void append(Lines& lines, Lines more) {
  lines.insert(lines.end(), std::make_move_iterator(more.begin()), std::make_move_iterator(more.end()));
}

using Running = std::optional<std::set<std::string>>;

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
  if (running && running->count(address.text()) != 0) return;
  const auto fault = bind_fault(address);
  if (!fault || (fault->in_use && running && has_port_of(address, *running))) return;
  const bool perhaps_own = fault->in_use && !running;
  warnings.push_back(place + ": a supervisor that starts now cannot listen at " + in_quotes(address.text()) +
                     ": " + fault->text +
                     (perhaps_own ? " (perhaps the supervisor that runs with this file)" : ""));
}

Lines bind_faults(const Config& config, const std::string& file) {
  const Running running =
      running_listeners(config.control_by_default ? find_default_control(file) : config.control, file);
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
  if (auto fits = check_descriptor_budget(*config, descriptor_limit()); !fits)
    return print_mistakes({file + ": " + fits.error().message()});
  StartAnswers answers = ask_at_start(*config, file, search.libraries);
  if (!answers.mistakes.empty()) return print_mistakes(answers.mistakes);
  Lines warnings = std::move(answers.warnings);
  append(warnings, node_doubts(*config, file, search.path));
  append(warnings, bind_faults(*config, file));
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
