// Sets right what the supervisor's process inherits from the process that starts it: descriptors 0 to 2,
// signals, orphans. Limits, lock and user are in files of their own: descriptor_limits, config_lock,
// give_up_root.
#pragma once

namespace prefork {

/// Opens /dev/null on each of descriptors 0 to 2 that is closed, sets every signal to its default (but
/// ignores SIGPIPE), and makes orphaned grandchildren this process's children. First call in main().
void normalize_process();

void block_signals();
void unblock_signals();

}  // namespace prefork
