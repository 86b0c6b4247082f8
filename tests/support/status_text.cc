#include "tests/support/status_text.h"

#include <doctest/doctest.h>

#include <algorithm>
#include <cctype>
#include <cstdlib>
#include <sstream>

namespace prefork::test {
namespace {

std::vector<std::string> lines_of(std::string_view text) {
  std::vector<std::string> lines;
  while (!text.empty()) {
    const std::size_t end = text.find('\n');
    if (end == std::string_view::npos) break;  // what is not yet written whole is not read
    lines.emplace_back(text.substr(0, end));
    text.remove_prefix(end + 1);
  }
  return lines;
}

std::optional<std::uint64_t> number_after(std::string_view line, std::string_view label) {
  const std::string wanted = std::string(label) + ' ';
  for (std::size_t at = line.find(wanted); at != std::string_view::npos; at = line.find(wanted, at + 1)) {
    if (at > 0 && (std::isalnum(static_cast<unsigned char>(line[at - 1])) != 0 || line[at - 1] == '_'))
      continue;
    const std::string digits(line.substr(at + wanted.size()));
    if (!digits.empty() && std::isdigit(static_cast<unsigned char>(digits[0])) != 0) {
      return std::strtoull(digits.c_str(), nullptr, 10);
    }
  }
  return std::nullopt;
}

/// The header: `supervisor 0.1.0, pid 4711, up 2.0 s, pool.json, 1 pool`.
bool is_header(const std::string& line) {
  return line.find("supervisor ") != std::string::npos && line.find(", pid ") != std::string::npos &&
         line.find(", up ") != std::string::npos;
}

std::optional<PoolTable> pool_head(const std::string& line) {
  const std::size_t at = line.find("pool ");
  const std::size_t colon = line.find(": ", at == std::string::npos ? 0 : at);
  if (at == std::string::npos || colon == std::string::npos ||
      line.find(" wanted", colon) == std::string::npos) {
    return std::nullopt;
  }
  PoolTable pool;
  pool.name = line.substr(at + 5, colon - at - 5);
  pool.state = line.substr(colon + 2, line.find(", workers ", colon) - colon - 2);
  return pool;
}

/// Durations are two words (`1.2 s`): numbers are looked for where they are whole words.
bool read_worker(const std::string& line, WorkerText& worker) {
  std::istringstream words(line);
  std::string pid;
  std::string load;
  std::string skipped;
  if (!(words >> worker.number >> pid >> worker.state >> load >> worker.served >> worker.generation))
    return false;
  if (!(words >> skipped >> skipped >> skipped >> skipped >> worker.restarts)) return false;
  worker.pid = static_cast<pid_t>(std::atol(pid.c_str()));
  (void)std::sscanf(load.c_str(), "%u/%u", &worker.load, &worker.slots);  // `-` for a template
  std::getline(words >> std::ws, worker.remark);
  return true;
}

/// `column`: where the rows of workers begin, once their heading was seen.
void add_line(const std::string& line, PoolTable& pool, std::optional<std::size_t>& column) {
  pool.lines.push_back(line);
  if (const std::size_t board = line.find("scoreboard: ["); board != std::string::npos) {
    pool.scoreboard = line.substr(board + 13, line.find(']', board) - board - 13);
  } else if (const std::size_t head = line.find("WORKER "); head != std::string::npos) {
    column = head;
  } else if (column && pool.workers.size() < pool.scoreboard.size() && line.size() > *column) {
    WorkerText worker;
    if (read_worker(line.substr(*column), worker)) pool.workers.push_back(std::move(worker));
  }
}

bool complete(const StatusText& status, std::size_t pools) {
  return status.pools.size() == pools &&
         std::all_of(status.pools.begin(), status.pools.end(), [](const PoolTable& pool) {
           const bool has_board = std::any_of(
               pool.lines.begin(), pool.lines.end(),
               [](const std::string& line) { return line.find("scoreboard: [") != std::string::npos; });
           return has_board && pool.workers.size() == pool.scoreboard.size();
         });
}

}  // namespace

std::uint64_t PoolTable::operator[](std::string_view label) const {
  for (const std::string& line : lines) {
    if (line.find(" listen ") != std::string::npos) continue;  // each listener has an `accepted` of its own
    if (const auto number = number_after(line, label)) return *number;
  }
  FAIL("the status has no ", label);
  return 0;
}

std::size_t PoolTable::count(std::string_view wanted) const {
  return static_cast<std::size_t>(std::count_if(
      workers.begin(), workers.end(), [&](const WorkerText& worker) { return worker.state == wanted; }));
}

std::vector<pid_t> PoolTable::pids() const {
  std::vector<pid_t> pids;
  for (const WorkerText& worker : workers) pids.push_back(worker.pid);
  return pids;
}

const PoolTable& StatusText::pool(std::string_view name) const {
  const auto found =
      std::find_if(pools.begin(), pools.end(), [&](const PoolTable& pool) { return pool.name == name; });
  REQUIRE(found != pools.end());
  return *found;
}

std::optional<StatusText> last_status(std::string_view log) {
  const std::vector<std::string> lines = lines_of(log);
  const auto header = std::find_if(lines.rbegin(), lines.rend(), is_header);
  if (header == lines.rend()) return std::nullopt;
  StatusText status;
  status.pid = static_cast<pid_t>(number_after(*header, "pid").value_or(0));
  const std::size_t pools = std::strtoul(header->substr(header->rfind(", ") + 2).c_str(), nullptr, 10);
  std::optional<std::size_t> column;
  for (auto line = header.base(); line != lines.end(); ++line) {
    if (auto pool = pool_head(*line)) {
      if (status.pools.size() == pools) break;
      status.pools.push_back(*std::move(pool));
      column.reset();
    }
    if (!status.pools.empty()) add_line(*line, status.pools.back(), column);
  }
  if (!complete(status, pools)) return std::nullopt;
  return status;
}

}  // namespace prefork::test
