// How many workers there are of each kind: what Lifecycle compares with how many there shall be.
#pragma once

#include <cstddef>
#include <optional>

#include "supervisor/core/ids.h"
#include "supervisor/core/worker_table.h"

namespace prefork {

struct Census {
  /// `present` is the generation that serves, `trial` the one on trial. Of those that hang in the kernel, and
  /// of those that are stopped, so many are counted as if they were gone: others take their places.
  Census(const WorkerTable& workers, Generation present, std::optional<Generation> trial,
         std::size_t max_replaced);

  std::size_t live = 0;      ///< of the present generation
  std::size_t ready = 0;     ///< of those
  std::size_t starting = 0;  ///< of those, template included
  std::size_t ending = 0;    ///< of the present generation, ended by us for a failure and not reaped yet
  std::size_t old = 0;       ///< live, of older generations, or retiring
  std::size_t retiring = 0;  ///< of those, of the present generation
  std::size_t stuck = 0;     ///< of those that are ending, what SIGKILL did not end
  std::size_t stopped = 0;   ///< of those that are ready, what is stopped by a signal
  bool on_trial = false;     ///< somebody of the generation on trial lives
  WorkerId fork_template;    ///< live template of the present generation
  bool template_ready = false;
  bool template_ending = false;

 private:
  void count(const WorkerRow& row, Generation present);
  void count_present(const WorkerRow& row);
  void count_template(const WorkerRow& row);
};

}  // namespace prefork
