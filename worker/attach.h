// How a worker finds its supervisor: the environment, and, for `start: fork`, the template that forks the
// workers. Used by serve() and Slots.
#pragma once

#include <memory>

#include "worker/session.h"

namespace prefork::worker {

struct Attached {
  std::unique_ptr<Session> session;  ///< none: there is nothing to serve here, return `exit_code` from main()
  int exit_code = 0;
};

/// Takes the channel that SUPERVISOR_CHANNEL names and sends Ready, offering at most `limit` slots (and never
/// more than SUPERVISOR_SLOTS). SIGPIPE is ignored from here on.
///
/// Without a usable channel: a message on stderr, and exit code 2.
///
/// In a template (SUPERVISOR_TEMPLATE=1) the call returns many times: in each worker that the supervisor had
/// forked, with that worker's session; and at the end in the template itself, without one. What was loaded
/// before the call is shared by all workers; threads do not survive the fork, so none may have been started.
[[nodiscard]] Attached attach(unsigned limit);

}  // namespace prefork::worker
