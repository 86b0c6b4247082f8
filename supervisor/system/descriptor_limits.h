// How many descriptors this process may have open: RLIMIT_NOFILE.
#pragma once

#include <sys/resource.h>

#include <cstddef>

namespace prefork {

/// Where the system does not tell them, what is usual: 1024.
[[nodiscard]] rlimit descriptor_limits();
/// Raises the soft limit to the hard one. Returns the limits as they were: workers get them.
[[nodiscard]] rlimit raise_descriptor_limit();
/// The soft limit.
[[nodiscard]] std::size_t descriptor_limit();

}  // namespace prefork
