// Finds out, from what a worker has said and written, why it may not suit its pool. PoolWorkers asks when a
// worker has died.
#pragma once

#include "supervisor/control/start_clue_words.h"
#include "supervisor/core/event_worker.h"
#include "supervisor/core/worker_row.h"
#include "supervisor/workers/worker_process.h"

namespace prefork {

[[nodiscard]] StartClue start_clue(const WorkerRow& row, const event::WorkerExited& exited,
                                   const WorkerProcess& process);
/// Null: nothing is known.
[[nodiscard]] ListenWords listen_words(const WorkerProcess* process);

}  // namespace prefork
