// The row of a worker: its columns, as the status table and the command top both show them. Knows neither the
// source of the values nor where the lines go.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>

#include "supervisor/core/ids.h"

namespace prefork {

/// What a process uses, as text.
struct UsageCells {
  std::string cpu, rss;
};

struct WorkerColumns {
  std::uint64_t worker = 0;
  std::int64_t pid = 0;  ///< 0: not known yet
  bool is_template = false;
  std::string state;  ///< "idle", "busy" …; of a template it is not shown
  std::uint64_t load = 0;
  std::uint64_t slots = 0;
  std::optional<std::string> rate = {};  ///< connections served per second; with ColumnSet::kTop
  std::optional<UsageCells> usage = {};  ///< with ColumnSet::kTop
  std::uint64_t served = 0;
  std::uint64_t generation = 0;
  Duration age{};
  Duration in_state{};
  std::uint64_t restarts = 0;
  std::string remark;  ///< the last death and the worker's note; the last column, of any length
};

enum class ColumnSet { kTable, kTop };

/// The line of titles above the workers.
[[nodiscard]] std::string worker_titles(ColumnSet columns);
/// The line of one worker, aligned with the titles.
[[nodiscard]] std::string worker_line(const WorkerColumns& worker);

/// Adds the columns CPU TIME and RSS to a line of a status table, for a reader that knows these values: the
/// supervisor does not. `usage_of` gives them for a pid. A line that is neither of a worker nor its titles
/// stays as it is.
[[nodiscard]] std::string with_usage(const std::string& line,
                                     const std::function<UsageCells(std::int64_t)>& usage_of);

}  // namespace prefork
