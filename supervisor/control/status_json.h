// The status as JSON, made piece by piece: the text of thousands of workers takes longer than one turn of the
// event loop may. docs/control.md lists the members.
#pragma once

#include <cstddef>
#include <nlohmann/json_fwd.hpp>
#include <string>
#include <utility>

#include "supervisor/control/status.h"

namespace prefork {

[[nodiscard]] nlohmann::ordered_json to_json(const WorkerStatusLine& worker);

class StatusJson {
 public:
  /// Without `workers`, the pools have no member of this name.
  explicit StatusJson(SupervisorStatus status, bool workers = true)
      : status_(std::move(status)), workers_(workers) {}

  /// Appends the next piece of the object. False: it was the last one.
  [[nodiscard]] bool add_next(std::string& text);

 private:
  void add_workers(const PoolStatus& pool, std::string& text);

  SupervisorStatus status_;
  bool workers_;
  bool begun_ = false;
  std::size_t pool_ = 0;    ///< the next one
  std::size_t worker_ = 0;  ///< of that pool, the next one
};

}  // namespace prefork
