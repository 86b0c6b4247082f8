// The way to Ready: the process takes the channel for its own at a matching bind(), and says Ready when the
// program first waits for a connection. An application that loads for seconds after listen() gets none
// before.
#pragma once

namespace prefork::accept {

/// The channel is no longer handed on through exec().
void attach();
/// Sends Ready, once for all processes of the worker.
void say_ready();

}  // namespace prefork::accept
