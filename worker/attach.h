// Connects a worker process with its supervisor: reads the environment and, for `start: fork`, runs the
// template that forks the workers. serve() and Slots call it; programs use those.
#pragma once

#include <functional>
#include <memory>
#include <optional>

#include "worker/session.h"

namespace prefork::worker {

/// Takes ownership of the channel that SUPERVISOR_CHANNEL names. Without a usable one it writes a message to
/// stderr and returns nothing.
[[nodiscard]] std::optional<Channel> channel_of_environment();

struct Attached {
  std::unique_ptr<Session> session;  ///< null: this process serves nothing; main() returns `exit_code`
  int exit_code = 0;
};

/// Takes ownership of the channel that SUPERVISOR_CHANNEL names and sends Ready with
/// min(`limit`, SUPERVISOR_SLOTS) slots, at least 1. Ignores SIGPIPE from here on. Calls `start`, if there is
/// one, in each worker before its Ready.
///
/// Errors: without a usable channel it writes a message to stderr and returns exit code 2; after an exception
/// of `start` exit code 1.
///
/// In a template (SUPERVISOR_TEMPLATE=1) the call returns many times: once in each worker that it forks, with
/// the session of that worker, and at the end once in the template, without a session. All workers share the
/// memory that was loaded before the call. Threads do not survive the fork, so the program must not have
/// started any.
[[nodiscard]] Attached attach(unsigned limit, const std::function<void()>& start = {});

}  // namespace prefork::worker
