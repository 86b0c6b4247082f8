#include "supervisor/system/oom_counter.h"

#include <unistd.h>

#include <fstream>
#include <sstream>
#include <utility>
#include <vector>

namespace prefork {
namespace {

/// Where the hierarchy is mounted: the first mount of this type that has the option, unless that is empty.
std::string mount_point(const std::string& type, const std::string& option) {
  std::ifstream mounts("/proc/self/mounts");
  for (std::string line; std::getline(mounts, line);) {
    std::istringstream words(line);
    std::string device;
    std::string place;
    std::string kind;
    std::string options;
    words >> device >> place >> kind >> options;
    const bool has_option =
        option.empty() || (',' + options + ',').find(',' + option + ',') != std::string::npos;
    if (kind == type && has_option) return place;
  }
  return "";
}

/// The PATH of the line "ID:CONTROLLERS:PATH" of /proc/self/cgroup.
std::string cgroup_path(const std::string& controllers) {
  std::ifstream cgroups("/proc/self/cgroup");
  for (std::string line; std::getline(cgroups, line);) {
    const std::size_t first = line.find(':');
    const std::size_t second = line.find(':', first + 1);
    if (second == std::string::npos) continue;
    if (line.substr(first + 1, second - first - 1) == controllers) return line.substr(second + 1);
  }
  return "";
}

std::string find_file() {
  const std::string unified = mount_point("cgroup2", "");
  const std::string memory = mount_point("cgroup", "memory");
  // In a container its own cgroup may be the root of the mount, and the path unknown.
  const std::vector<std::string> candidates = {
      unified + cgroup_path("") + "/memory.events", unified + "/memory.events",
      memory + cgroup_path("memory") + "/memory.oom_control", memory + "/memory.oom_control"};
  for (const std::string& file : candidates) {
    if (::access(file.c_str(), R_OK) == 0) return file;
  }
  return "";
}

}  // namespace

OomCounter::OomCounter() : OomCounter(find_file()) {}

OomCounter::OomCounter(std::string file) : file_(std::move(file)), seen_(read().value_or(0)) {}

std::optional<std::uint64_t> OomCounter::read() const {
  std::ifstream lines(file_);
  std::string key;
  for (std::uint64_t value = 0; lines >> key >> value;) {
    if (key == "oom_kill") return value;
  }
  return std::nullopt;
}

void OomCounter::look(Instant now) {
  if (now - risen_at_ > kRecent) untaken_ = 0;
  const std::uint64_t count = read().value_or(seen_);
  if (count > seen_) {
    untaken_ += count - seen_;
    risen_at_ = now;
  }
  seen_ = count;
}

bool OomCounter::take_kill(Instant now) {
  look(now);
  if (untaken_ == 0) return false;
  --untaken_;
  return true;
}

}  // namespace prefork
