// What the event worker_died says of a death, for tests that expect a certain one.
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <string>

#include "supervisor/core/worker_row.h"
#include "tests/support/supervisor_under_test.h"

namespace prefork::test {

/// Waits for the death of this process.
EventText death_of(SupervisorUnderTest& supervisor, pid_t pid);
/// Waits for the death of a pool's worker, by its number.
EventText death_of(SupervisorUnderTest& supervisor, const std::string& pool, std::int64_t worker);

[[nodiscard]] bool by_signal(const EventText& died, int number);
[[nodiscard]] bool by_exit(const EventText& died, int status);
/// Why the supervisor wanted it gone; kNone: it did not.
[[nodiscard]] bool because(const EventText& died, StopReason reason);
/// The death is a failure, to be mended; not a planned one.
[[nodiscard]] bool is_failure(const EventText& died);

/// Of a pool of two workers, which answer with what they are asked, one is killed while it is idle: it is
/// replaced, and no client notices. Returns what the pool looks like then.
PoolTable kill_while_idle(SupervisorUnderTest& supervisor);

/// Waits until a worker could not be started for a reason that begins so.
void wait_for_failed_start(SupervisorUnderTest& supervisor, const std::string& reason);

}  // namespace prefork::test
