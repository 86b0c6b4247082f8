// The template of `start: fork`: a process that has loaded the application and forks a worker whenever the
// supervisor asks for one. It never serves and never holds a client's socket.
#pragma once

#include <optional>

#include "proto/channel.h"

namespace prefork::worker {

struct TemplateEnd {
  std::optional<Channel> worker;  ///< this process is a new worker, and this its channel
  int exit_code = 0;              ///< otherwise: what the template should return from main()
};

/// Sends Ready with 0 slots and obeys Fork until Drain or the end of the channel. Returns once in the
/// template and once in each worker. A worker is forked twice, so that it is not the template's child but the
/// supervisor's, and has introduced itself with a Note.
[[nodiscard]] TemplateEnd run_template(Channel channel);

}  // namespace prefork::worker
