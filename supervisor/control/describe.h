// The core's reports in words, for the log, the status and the events. Knows no names of pools or workers.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "supervisor/control/operations.h"
#include "supervisor/control/start_clue_words.h"
#include "supervisor/core/action.h"
#include "supervisor/core/worker_row.h"

namespace prefork {

/// "killed by signal 9 (SIGKILL)", "exited with status 1", "could not be started".
[[nodiscard]] std::string describe(const Exit& exit);
/// One line about a death, without the worker's name. `words`: for a program that is a server itself.
[[nodiscard]] std::string describe(const DeathRecord& record, const ListenWords& words = {});
/// `["/srv/app","--port","1"]`, as the file has it; a long one is cut.
[[nodiscard]] std::string describe_command(const std::vector<std::string>& command);
/// "Busy for ticket 17, which it does not hold".
[[nodiscard]] std::string describe(const Violation& violation);
/// "stopped; 3 connections were cut: 2 had been begun (lost), 1 was queued (discarded); 1 worker was killed".
[[nodiscard]] std::string describe(const action::Stopped& stopped);
/// "workers are replaced".
[[nodiscard]] std::string describe_restart(bool tried_again);
/// "at most 6 workers until the next reload, at most 4 before".
[[nodiscard]] std::string describe(const Operations::Scaled& scaled);
/// "12 µs", "3.4 ms", "1.2 s", "5 min", "3 h", "2 d".
[[nodiscard]] std::string describe(Duration duration);
/// "824 KiB", "12.3 MiB", "1.5 GiB".
[[nodiscard]] std::string describe_bytes(std::uint64_t bytes);

}  // namespace prefork
