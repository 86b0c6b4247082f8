#include "tests/support/process_list.h"

#include <unistd.h>

#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <sstream>

namespace prefork::test {
namespace {

/// What there is of it: a process may end while its file is read.
std::string read_file(const std::string& path) {
  const std::ifstream file(path, std::ios::binary);
  std::ostringstream content;
  content << file.rdbuf();
  return content.str();
}

std::vector<pid_t> all_processes() {
  std::vector<pid_t> pids;
  std::error_code gone;  // processes come and go while we look
  for (std::filesystem::directory_iterator entry("/proc", gone), end; entry != end; entry.increment(gone)) {
    const auto pid = static_cast<pid_t>(std::atol(entry->path().filename().c_str()));
    if (pid > 0) pids.push_back(pid);
  }
  return pids;
}

}  // namespace

ProcessStat process_stat(pid_t pid) {
  ProcessStat stat;
  stat.pid = pid;
  const std::string text = read_file("/proc/" + std::to_string(pid) + "/stat");
  // The name is in parentheses and may hold anything, parentheses too.
  const std::size_t open = text.find('(');
  const std::size_t close = text.rfind(')');
  if (close == std::string::npos) return stat;
  stat.name = text.substr(open + 1, close - open - 1);
  std::istringstream rest(text.substr(close + 1));
  rest >> stat.state >> stat.parent;
  std::string skipped;
  for (int field = 5; field < 14; ++field) rest >> skipped;
  double user = 0;
  double system = 0;
  rest >> user >> system;
  stat.cpu_seconds = (user + system) / static_cast<double>(::sysconf(_SC_CLK_TCK));
  return stat;
}

std::vector<ProcessStat> children_of(pid_t parent) {
  std::vector<ProcessStat> children;
  for (const pid_t pid : all_processes()) {
    ProcessStat stat = process_stat(pid);
    if (stat.parent == parent) children.push_back(std::move(stat));
  }
  return children;
}

bool is_alive(pid_t pid) {
  const char state = process_stat(pid).state;
  return state != '?' && state != 'Z' && state != 'X';
}

std::size_t descriptors_of(pid_t pid) {
  std::error_code gone;
  const std::filesystem::directory_iterator all("/proc/" + std::to_string(pid) + "/fd", gone);
  return gone ? 0 : static_cast<std::size_t>(std::distance(begin(all), end(all)));
}

std::vector<int> descriptor_numbers_of(pid_t pid) {
  std::vector<int> numbers;
  std::error_code gone;
  for (const auto& entry : std::filesystem::directory_iterator("/proc/" + std::to_string(pid) + "/fd", gone))
    numbers.push_back(std::atoi(entry.path().filename().c_str()));
  std::sort(numbers.begin(), numbers.end());
  return numbers;
}

std::string status_field_of(pid_t pid, const std::string& field) {
  std::ifstream lines("/proc/" + std::to_string(pid) + "/status");
  for (std::string line; std::getline(lines, line);) {
    if (line.starts_with(field + ":\t")) return line.substr(field.size() + 2);
  }
  return "";
}

std::vector<pid_t> processes_with(const std::string& assignment) {
  std::vector<pid_t> found;
  for (const pid_t pid : all_processes()) {
    const std::string environment = '\0' + read_file("/proc/" + std::to_string(pid) + "/environ");
    if (environment.find('\0' + assignment + '\0') != std::string::npos) found.push_back(pid);
  }
  return found;
}

}  // namespace prefork::test
