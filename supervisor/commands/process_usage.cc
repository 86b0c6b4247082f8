#include "supervisor/commands/process_usage.h"

#include <unistd.h>

#include <fstream>
#include <iterator>
#include <nlohmann/json.hpp>
#include <sstream>

#include "proto/digits.h"
#include "supervisor/control/describe.h"
#include "supervisor/control/worker_columns.h"

namespace prefork {
namespace {

using Json = nlohmann::ordered_json;

std::ifstream open_of(pid_t pid, const char* file) {
  return std::ifstream("/proc/" + std::to_string(pid) + '/' + file);
}

/// The pids of a process, in the pid namespace of this /proc and in those below it.
std::vector<std::string> pids_of(pid_t pid) {
  std::ifstream status = open_of(pid, "status");
  for (std::string line; std::getline(status, line);) {
    if (!line.starts_with("NSpid:")) continue;
    std::istringstream words(line.substr(line.find(':') + 1));
    return {std::istream_iterator<std::string>(words), {}};
  }
  return {};
}

}  // namespace

ProcessUsage::ProcessUsage(pid_t supervisor)
    : same_pids_(supervisor > 0 && pids_of(supervisor) == std::vector{std::to_string(supervisor)}) {}

std::optional<Usage> ProcessUsage::of(pid_t pid) const {
  if (!same_pids_ || pid <= 0) return std::nullopt;
  std::ifstream stat = open_of(pid, "stat");
  std::string line;
  if (!std::getline(stat, line)) return std::nullopt;
  // The second field is a name that may contain anything; the third one follows its last ")".
  const std::size_t name_end = line.rfind(')');
  if (name_end == std::string::npos) return std::nullopt;
  std::istringstream rest(line.substr(name_end + 1));
  const std::vector<std::string> from_third{std::istream_iterator<std::string>(rest), {}};
  const auto field = [&from_third](std::size_t number) -> std::optional<std::uint64_t> {
    if (from_third.size() <= number - 3) return std::nullopt;
    return parse_digits<std::uint64_t>(from_third[number - 3]);
  };
  const auto user = field(14);
  const auto system = field(15);
  const auto pages = field(24);
  const long ticks = ::sysconf(_SC_CLK_TCK);
  if (!user || !system || !pages || ticks <= 0) return std::nullopt;
  return Usage{std::chrono::milliseconds((*user + *system) * 1000 / static_cast<std::uint64_t>(ticks)),
               *pages * static_cast<std::uint64_t>(::sysconf(_SC_PAGESIZE))};
}

void ProcessUsage::add_to(Json& status) const {
  for (Json& pool : status["pools"]) {
    for (Json& worker : pool["workers"]) {
      const auto usage = of(worker.value("pid", 0));
      worker["cpu_ms"] = usage ? Json(usage->cpu.count()) : Json(nullptr);
      worker["rss_bytes"] = usage ? Json(usage->rss) : Json(nullptr);
    }
  }
}

std::vector<std::string> ProcessUsage::added_to(const std::vector<std::string>& table) const {
  std::vector<std::string> lines;
  lines.reserve(table.size());
  for (const std::string& line : table) {
    lines.push_back(with_usage(line, [this](std::int64_t pid) {
      const auto usage = of(static_cast<pid_t>(pid));
      return usage ? UsageCells{describe(usage->cpu), describe_bytes(usage->rss)} : UsageCells{"-", "-"};
    }));
  }
  return lines;
}

}  // namespace prefork
