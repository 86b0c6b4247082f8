// The template of `start: fork`: a process that has loaded the application and forks a worker each time the
// supervisor asks for one. It never serves and never holds a client's socket. attach() calls it.
#pragma once

#include <optional>

#include "proto/channel.h"

namespace prefork::worker {

/// This process is a template (SUPERVISOR_TEMPLATE=1).
[[nodiscard]] bool is_template();

struct TemplateEnd {
  std::optional<Channel> worker;  ///< set: this process is a new worker, and this is its channel
  int exit_code = 0;              ///< not set: the exit code of the template, for main()
};

/// Sends Ready with 0 slots and obeys Fork until Drain or the end of the channel. Returns once in the
/// template and once in each worker. A worker is forked twice, so that it becomes the supervisor's child, not
/// the template's; it has sent a Note, from which the supervisor learns its pid, or on a stream
/// (docs/classic.md) a byte. Errors go to stderr; the exit code is then 1.
[[nodiscard]] TemplateEnd run_template(Channel channel);

}  // namespace prefork::worker
