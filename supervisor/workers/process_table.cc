#include "supervisor/workers/process_table.h"

#include <algorithm>
#include <utility>

namespace prefork {

WorkerProcess& ProcessTable::add(std::unique_ptr<WorkerProcess> process) {
  const std::size_t slot = process->id().slot();
  if (slot >= processes_.size()) processes_.resize(slot + 1);
  processes_[slot] = std::move(process);
  return *processes_[slot];
}

std::unique_ptr<WorkerProcess> ProcessTable::take(WorkerId id) {
  return find(id) == nullptr ? nullptr : std::move(processes_[id.slot()]);
}

const WorkerProcess* ProcessTable::find(WorkerId id) const {
  if (id.slot() >= processes_.size()) return nullptr;
  const WorkerProcess* process = processes_[id.slot()].get();
  return process != nullptr && process->id() == id ? process : nullptr;
}

WorkerProcess* ProcessTable::find(WorkerId id) {
  const bool found = std::as_const(*this).find(id) != nullptr;
  return found ? processes_[id.slot()].get() : nullptr;
}

const WorkerProcess* ProcessTable::find_pid(pid_t pid) const {
  const auto found = std::find_if(processes_.begin(), processes_.end(), [pid](const auto& process) {
    return process != nullptr && process->pid() == pid;
  });
  return found == processes_.end() ? nullptr : found->get();
}

pid_t ProcessTable::pid_of(WorkerId id) const {
  const WorkerProcess* process = find(id);
  return process == nullptr ? 0 : process->pid();
}

std::vector<WorkerProcessState> ProcessTable::state() const {
  std::vector<WorkerProcessState> states;
  for (const auto& process : processes_) {
    if (process) states.push_back(process->state());
  }
  return states;
}

}  // namespace prefork
