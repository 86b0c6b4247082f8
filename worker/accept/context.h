// What this process knows about itself as a part of the worker. Set at the start, and by the library's
// fork().
#pragma once

#include <atomic>

#include "worker/accept/environment.h"
#include "worker/accept/raw.h"
#include "worker/accept/tree.h"

namespace prefork::accept {

struct Context {
  Tree* tree = nullptr;  ///< null: this process is no worker, and the library passes everything on
  Settings settings;
  int channel = -1;
  std::atomic<int> pid = 0;
  std::uint32_t process = 0;  ///< row of the tree
};

extern constinit Context context;

inline bool active() { return context.tree != nullptr; }

/// False in a child of vfork(), which shares the memory but not the descriptors, and in a child that the
/// library did not see being made: their descriptors are not those of the tables.
inline bool in_own_process() { return raw::process_id() == context.pid.load(std::memory_order_relaxed); }

/// The same process row for what happens to an untracked child (more than kMaxProcesses): nothing is counted.
inline bool tracked() { return context.process != kNoRow; }

}  // namespace prefork::accept
