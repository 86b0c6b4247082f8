// Counts the workers of each kind. Lifecycle compares the counts with the target.
#pragma once

#include <cstddef>
#include <optional>

#include "supervisor/core/ids.h"
#include "supervisor/core/worker_table.h"

namespace prefork {

struct Census {
  /// `serving` is the generation that serves, `trial` the one on trial. Up to `max_replaced` workers that
  /// hang in the kernel, and as many that are stopped, are counted as if they were gone: other workers take
  /// their places.
  Census(const WorkerTable& workers, Generation serving, std::optional<Generation> trial,
         std::size_t max_replaced);

  std::size_t live = 0;      ///< of the serving generation
  std::size_t ready = 0;     ///< of the live ones
  std::size_t starting = 0;  ///< of the live ones, and the template
  std::size_t ending = 0;    ///< of the serving generation, ending for a failure and not reaped yet
  std::size_t leaving = 0;   ///< of the serving generation, leaving by themselves
  std::size_t old = 0;       ///< live, and of older generations or retiring
  std::size_t retiring = 0;  ///< of the old ones, those of the serving generation
  std::size_t stuck = 0;     ///< of the ending ones, those that SIGKILL did not end
  std::size_t stopped = 0;   ///< of the ready ones, those that are stopped by a signal
  bool on_trial = false;     ///< a process of the generation on trial is live
  WorkerId fork_template;    ///< live template of the serving generation
  bool template_ready = false;
  bool template_ending = false;

  bool operator==(const Census&) const = default;

 private:
  void count(const WorkerRow& row, Generation serving);
  void count_serving(const WorkerRow& row);
  void count_template(const WorkerRow& row);
};

}  // namespace prefork
