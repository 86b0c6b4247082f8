// The row of a worker: its columns, as the status table and the command top both show them. Knows neither the
// source of the values nor where the lines go.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "supervisor/core/ids.h"

namespace prefork {

struct WorkerColumns {
  std::uint64_t worker = 0;
  std::int64_t pid = 0;  ///< 0: not known yet
  bool is_template = false;
  std::string state;  ///< "idle", "busy" …; of a template it is not shown
  std::uint64_t load = 0;
  std::uint64_t slots = 0;
  std::optional<std::string> rate =
      {};  ///< connections served per second; not set: the table has no such column
  std::uint64_t served = 0;
  std::uint64_t generation = 0;
  Duration age{};
  Duration in_state{};
  std::uint64_t restarts = 0;
  std::string remark;  ///< the last death and the worker's note; the last column, of any length
};

enum class RateColumn { kNone, kShown };

/// The line of titles above the workers.
[[nodiscard]] std::string worker_titles(RateColumn rate);
/// The line of one worker, aligned with the titles.
[[nodiscard]] std::string worker_line(const WorkerColumns& worker);

}  // namespace prefork
