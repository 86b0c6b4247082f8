// The process's own surroundings at start: makes whatever the supervisor inherited what it must be.
#pragma once

#include <sys/resource.h>

#include <cstddef>
#include <optional>
#include <string>

#include "proto/fd.h"
#include "proto/result.h"

namespace prefork {

/// Opens /dev/null on those of descriptors 0 to 2 that are closed, sets every signal to its default (but
/// ignores SIGPIPE), and makes orphaned grandchildren ours to reap. First thing in main().
void normalize_process();

void block_signals();
void unblock_signals();

/// Raises the soft limit of descriptors to the hard one. Returns what it was: workers get that.
[[nodiscard]] rlimit raise_descriptor_limit();

/// The soft limit of descriptors.
[[nodiscard]] std::size_t descriptor_limit();

/// Locks the configuration file against a second supervisor, for as long as the Fd lives. The lock goes with
/// the file, not with its name: after the file was replaced it must be taken anew.
[[nodiscard]] Result<Fd> lock_config(const std::string& file);
/// Whether the lock is one of the file that has this name now.
[[nodiscard]] bool locks(const Fd& lock, const std::string& file);

/// The oom_score_adj of workers whose pool does not say: the supervisor's own and 200, so that the kernel
/// kills a worker first. Nothing when /proc does not tell.
[[nodiscard]] std::optional<int> default_oom_score_adj();

/// The directory that the running program is in; empty when /proc does not tell.
[[nodiscard]] std::string own_directory();

}  // namespace prefork
