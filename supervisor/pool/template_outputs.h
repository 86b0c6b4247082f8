// The outputs of templates that are gone. The workers that a template has forked write to its pipe, and
// closing it would end them. A process that a template has left behind keeps the pipe open as well, for as
// long as it likes: of the outputs without a worker only the newest few are kept.
#pragma once

#include <cstddef>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "supervisor/core/ids.h"
#include "supervisor/state/worker_state.h"
#include "supervisor/workers/process_table.h"
#include "supervisor/workers/worker_output.h"
#include "supervisor/workers/worker_process.h"

namespace prefork {

class TemplateOutputs {
 public:
  static constexpr std::size_t kMaxUnused = 4;

  /// `processes`: the pool's workers, to count those of each template.
  TemplateOutputs(const WorkerProcess::Services& services, const ProcessTable& processes)
      : services_(services), processes_(processes) {}

  /// The template is gone.
  void add(WorkerId origin, std::unique_ptr<WorkerOutput> output);
  /// A worker that this template had forked is gone.
  void worker_gone(WorkerId origin);
  void destroy_ended();

  // For an upgrade in place. adopt() after the pool's workers.
  [[nodiscard]] std::vector<OutputState> state() const;
  void adopt(const std::vector<OutputState>& states);

 private:
  static constexpr Duration kWarningInterval = std::chrono::minutes(1);

  struct Kept {
    WorkerId origin;
    std::size_t workers = 0;  ///< that live
    std::unique_ptr<WorkerOutput> output;
  };

  [[nodiscard]] std::size_t workers_of(WorkerId origin) const;
  void close_surplus();

  const WorkerProcess::Services& services_;
  const ProcessTable& processes_;
  std::vector<Kept> kept_;  ///< the oldest first
  std::optional<Instant> warned_at_;
};

}  // namespace prefork
