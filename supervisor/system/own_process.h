// Sets right what the supervisor's process inherits from the process that starts it: descriptors 0 to 2,
// signals, orphans. Limits and user are in files of their own: descriptor_limits,
// give_up_root.
#pragma once

namespace prefork {

/// Opens /dev/null on each of descriptors 0 to 2 that is closed, sets every signal to its default (but
/// ignores SIGPIPE and SIGXFSZ: the failing write reports them), and makes orphaned grandchildren this
/// process's children. Before anything is opened or started.
void normalize_process();

/// Blocks SIGHUP and the other signals that request something of a running supervisor. Without a handler they
/// would end or stop the process, so this is the first call in main().
void hold_requests();
/// Unblocks all other signals.
void hold_only_requests();
void block_signals();
void unblock_signals();

}  // namespace prefork
