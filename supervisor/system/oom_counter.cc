#include "supervisor/system/oom_counter.h"

#include <unistd.h>

#include <fstream>
#include <utility>

#include "config/cgroup.h"

namespace prefork {
namespace {

std::string find_file() {
  for (const std::string& directory : cgroup_directories("memory")) {
    for (const char* name : {"/memory.events", "/memory.oom_control"}) {
      if (::access((directory + name).c_str(), R_OK) == 0) return directory + name;
    }
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
