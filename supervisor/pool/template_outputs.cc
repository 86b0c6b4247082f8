#include "supervisor/pool/template_outputs.h"

#include <algorithm>
#include <utility>

#include "supervisor/system/clock.h"

namespace prefork {

void TemplateOutputs::add(WorkerId origin, std::unique_ptr<WorkerOutput> output) {
  kept_.push_back({origin, workers_of(origin), std::move(output)});
  close_surplus();
}

void TemplateOutputs::worker_gone(WorkerId origin) {
  const auto kept =
      std::find_if(kept_.begin(), kept_.end(), [origin](const Kept& one) { return one.origin == origin; });
  if (kept == kept_.end()) return;
  --kept->workers;
  close_surplus();
}

void TemplateOutputs::destroy_ended() {
  std::erase_if(kept_, [](const Kept& one) { return one.output->ended(); });
}

std::size_t TemplateOutputs::workers_of(WorkerId origin) const {
  return processes_.all_with([origin](const WorkerProcess& process) { return process.from() == origin; })
      .size();
}

void TemplateOutputs::close_surplus() {
  destroy_ended();
  const auto unused = [](const Kept& one) { return one.workers == 0; };
  const auto count = static_cast<std::size_t>(std::count_if(kept_.begin(), kept_.end(), unused));
  if (count <= kMaxUnused) return;
  const auto oldest = std::find_if(kept_.begin(), kept_.end(), unused);
  const Instant now = current_time();
  if (!warned_at_ || now - *warned_at_ >= kWarningInterval) {
    warned_at_ = now;
    services_.log.warn(
        "{}: the output of this template is closed: it is gone, and a process that it left behind keeps the "
        "output open; {} such outputs are kept, the newest ones",
        oldest->output->name(), kMaxUnused);
  }
  kept_.erase(oldest);
}

std::vector<OutputState> TemplateOutputs::state() const {
  std::vector<OutputState> states;
  for (const Kept& one : kept_) {
    states.push_back(one.output->state());
    states.back().origin = one.origin;
  }
  return states;
}

void TemplateOutputs::adopt(const std::vector<OutputState>& states) {
  for (const OutputState& state : states) {
    // A program that did not know the origins did not know those of the workers either: some may live.
    const std::size_t workers = state.origin ? workers_of(state.origin) : 1;
    kept_.push_back({state.origin, workers,
                     std::make_unique<WorkerOutput>(services_.loop, services_.log, services_.output,
                                                    services_.output_line_max, state)});
  }
}

}  // namespace prefork
