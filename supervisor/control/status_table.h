// The status as a table, made piece by piece: the lines of thousands of workers take longer than one turn of
// the event loop may. docs/operations.md explains the columns.
#pragma once

#include <cstddef>
#include <string>
#include <utility>
#include <vector>

#include "supervisor/control/status.h"

namespace prefork {

class StatusTable {
 public:
  explicit StatusTable(SupervisorStatus status) : status_(std::move(status)) {}

  /// Appends the next lines. False: they were the last ones.
  [[nodiscard]] bool add_next(std::vector<std::string>& lines);

 private:
  SupervisorStatus status_;
  bool begun_ = false;
  std::size_t pool_ = 0;    ///< the next one
  std::size_t worker_ = 0;  ///< of that pool, the next one
};

}  // namespace prefork
