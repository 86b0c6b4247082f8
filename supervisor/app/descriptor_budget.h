// How many descriptors a configuration can need at the same time, and whether the limit allows them. With
// seccomp the supervisor's own descriptors and the clients' are counted apart: a number divides them
// (client_descriptors.h). Called at each reload, at each new number of workers, and by `supervisor check`.
#pragma once

#include <cstddef>

#include "config/config.h"
#include "proto/result.h"

namespace prefork {

struct DescriptorNeed {
  std::size_t own = 0;      ///< read or listened on by the supervisor
  std::size_t clients = 0;  ///< connections that wait, and copies of connections in workers
  [[nodiscard]] std::size_t all() const { return own + clients; }
  [[nodiscard]] DescriptorNeed plus(const DescriptorNeed& other) const {
    return {own + other.own, clients + other.clients};
  }
  [[nodiscard]] DescriptorNeed minus(const DescriptorNeed& other) const {
    return {own - other.own, clients - other.clients};
  }
};

[[nodiscard]] DescriptorNeed descriptors_needed(const Config& config);

/// Refuses a configuration that needs more than `limit` descriptors, or more than there are on either side of
/// `first_client`, if that is not 0.
[[nodiscard]] Result<void> check_descriptor_budget(const Config& config, std::size_t limit,
                                                   std::size_t first_client = 0);

/// The lowest descriptor number of client sockets. The configuration fits on both sides of it: it must fit
/// within `limit`. If possible there is room for a configuration with twice as many workers. At least a
/// quarter of `limit`, up to 1024.
[[nodiscard]] int choose_first_client(const Config& config, std::size_t limit);

}  // namespace prefork
