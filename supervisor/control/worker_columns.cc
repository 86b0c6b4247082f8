#include "supervisor/control/worker_columns.h"

#include <fmt/format.h>

#include <algorithm>
#include <cstddef>
#include <string_view>
#include <vector>

#include "proto/digits.h"
#include "supervisor/control/describe.h"

namespace prefork {
namespace {

struct Cells {
  std::string worker, pid, status, load;
  std::optional<std::string> rate;
  std::optional<UsageCells> usage;
  std::string served, generation, age, in_state, restarts, remark;
};

constexpr int kColumnsBeforeUsage = 4;

std::string in_columns(const UsageCells& usage) { return fmt::format(" {:>8} {:>8}", usage.cpu, usage.rss); }

std::string line_of(const Cells& cells) {
  const std::string usage = cells.usage ? in_columns(*cells.usage) : "";
  const std::string rate = cells.rate ? fmt::format(" {:>9}", *cells.rate) : "";
  return fmt::format("  {:>6} {:>8} {:<9} {:>9}{}{} {:>9} {:>4} {:>8} {:>8} {:>8}  {}", cells.worker,
                     cells.pid, cells.status, cells.load, rate, usage, cells.served, cells.generation,
                     cells.age, cells.in_state, cells.restarts, cells.remark);
}

/// The words of the first columns of a line, and where they end.
struct FirstColumns {
  std::vector<std::string_view> words;
  std::size_t end = 0;
};

FirstColumns first_columns(std::string_view line) {
  FirstColumns found;
  for (int i = 0; i < kColumnsBeforeUsage; ++i) {
    const std::size_t begin = line.find_first_not_of(' ', found.end);
    if (begin == std::string_view::npos) break;
    found.end = std::min(line.find(' ', begin), line.size());
    found.words.push_back(line.substr(begin, found.end - begin));
  }
  return found;
}

}  // namespace

std::string worker_titles(ColumnSet columns) {
  const bool top = columns == ColumnSet::kTop;
  return line_of({.worker = "WORKER",
                  .pid = "PID",
                  .status = "STATUS",
                  .load = "LOAD",
                  .rate = top ? std::optional("SERVED/S") : std::nullopt,
                  .usage = top ? std::optional(UsageCells{"CPU", "RSS"}) : std::nullopt,
                  .served = "SERVED",
                  .generation = "GEN",
                  .age = "AGE",
                  .in_state = "IN STATE",
                  .restarts = "RESTARTS",
                  .remark = "LAST DEATH / NOTE"});
}

std::string worker_line(const WorkerColumns& worker) {
  return line_of({.worker = std::to_string(worker.worker),
                  .pid = worker.pid == 0 ? "-" : std::to_string(worker.pid),
                  .status = worker.is_template ? "template" : worker.state,
                  .load = worker.is_template ? "-" : fmt::format("{}/{}", worker.load, worker.slots),
                  .rate = worker.rate,
                  .usage = worker.usage,
                  .served = std::to_string(worker.served),
                  .generation = std::to_string(worker.generation),
                  .age = describe(worker.age),
                  .in_state = describe(worker.in_state),
                  .restarts = std::to_string(worker.restarts),
                  .remark = worker.remark});
}

std::string with_usage(const std::string& line, const std::function<UsageCells(std::int64_t)>& usage_of) {
  const auto insert = [&line](std::size_t at, const UsageCells& usage) {
    return line.substr(0, at) + in_columns(usage) + line.substr(at);
  };
  const FirstColumns columns = first_columns(line);
  if (line == worker_titles(ColumnSet::kTable)) return insert(columns.end, {"CPU TIME", "RSS"});
  if (columns.words.size() < kColumnsBeforeUsage || !parse_digits<std::uint64_t>(columns.words[0]))
    return line;
  return insert(columns.end, usage_of(parse_digits<std::int64_t>(columns.words[1]).value_or(0)));
}

}  // namespace prefork
