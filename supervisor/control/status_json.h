// The status as JSON, made piece by piece: the text of thousands of workers takes longer than one turn of the
// event loop may. docs/control.md lists the members.
#pragma once

#include <cstddef>
#include <string>
#include <utility>

#include "supervisor/control/status.h"

namespace prefork {

class StatusJson {
 public:
  explicit StatusJson(SupervisorStatus status) : status_(std::move(status)) {}

  /// Appends the next piece of the object. False: it was the last one.
  [[nodiscard]] bool add_next(std::string& text);

 private:
  SupervisorStatus status_;
  bool begun_ = false;
  std::size_t pool_ = 0;    ///< the next one
  std::size_t worker_ = 0;  ///< of that pool, the next one
};

}  // namespace prefork
