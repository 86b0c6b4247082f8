#include "supervisor/pool/fork_queue.h"

#include <algorithm>
#include <utility>

namespace prefork {

void ForkQueue::add(WorkerId worker, WorkerId from, Fd channel) {
  forks_.push_back(Fork{worker, from, std::move(channel)});
  send();
}

void ForkQueue::forget(WorkerId worker) {
  std::erase_if(forks_, [worker](const Fork& fork) { return fork.worker == worker; });
}

void ForkQueue::send() {
  std::vector<WorkerId> full;
  std::vector<WorkerId> failed;
  std::erase_if(forks_, [&](const Fork& fork) {
    if (std::find(full.begin(), full.end(), fork.from) != full.end()) return false;
    const SendStatus status = owner_.send_fork(fork.from, fork.channel);
    if (status == SendStatus::kFull || status == SendStatus::kNoResources) {
      full.push_back(fork.from);
      return false;
    }
    if (status != SendStatus::kSent) failed.push_back(fork.worker);
    return true;
  });
  if (!full.empty()) timer_.start(kRetry, Callback::to<&ForkQueue::send>(*this));
  for (const WorkerId worker : failed) owner_.fork_failed(worker);
}

std::vector<ForkState> ForkQueue::state() const {
  std::vector<ForkState> states;
  for (const Fork& fork : forks_) states.push_back({fork.worker, fork.from, Carried{fork.channel.get()}});
  return states;
}

void ForkQueue::adopt(const std::vector<ForkState>& states) {
  for (const ForkState& fork : states)
    forks_.push_back(Fork{fork.worker, fork.from, Fd(static_cast<int>(fork.channel))});
}

}  // namespace prefork
