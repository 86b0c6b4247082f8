// Starts the notifier of a worker with the protocol accept-notify. Called by the process that becomes the
// worker, right before it executes the program.
#pragma once

namespace prefork::notify {

/// Forks the notifier, which takes the channel over, and has the calls of this process reported to it from
/// now on. `channel` is closed here. 0, or the errno of the step that failed.
[[nodiscard]] int start_notifier(int channel, char* const* environment);

}  // namespace prefork::notify
