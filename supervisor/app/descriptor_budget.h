// How many descriptors a configuration can need at the same time, and whether they can be had. With seccomp
// the supervisor's own and those of clients are counted apart: a number divides them (client_descriptors.h).
#pragma once

#include <cstddef>

#include "config/config.h"
#include "proto/result.h"

namespace prefork {

struct DescriptorNeed {
  std::size_t own = 0;      ///< what the supervisor reads from, and what it listens at
  std::size_t clients = 0;  ///< those that wait, and the copies that are held
  [[nodiscard]] std::size_t all() const { return own + clients; }
  [[nodiscard]] DescriptorNeed plus(const DescriptorNeed& other) const {
    return {own + other.own, clients + other.clients};
  }
  [[nodiscard]] DescriptorNeed minus(const DescriptorNeed& other) const {
    return {own - other.own, clients - other.clients};
  }
};

[[nodiscard]] DescriptorNeed descriptors_needed(const Config& config);

/// Refuses a configuration that cannot fit the limit of descriptors, or what lies on either side of
/// `first_client`, if that is not 0.
[[nodiscard]] Result<void> check_descriptor_budget(const Config& config, std::size_t limit,
                                                   std::size_t first_client = 0);

/// Where client sockets are to begin: so that the configuration fits, which it must within `limit`, and with
/// room for one that has twice as many workers, if there is any; at least a quarter of `limit`, up to 1024.
[[nodiscard]] int choose_first_client(const Config& config, std::size_t limit);

}  // namespace prefork
