// What a reload has to touch: the keys in which two configurations differ, by what each of them decides. Says
// what differs; what to do about it is decided by the pool.
#pragma once

#include <string_view>
#include <vector>

#include "config/config.h"

namespace prefork {

/// Keys as docs/configuration.md calls them ("queue.timeout"), in its order; they point to constants.
using Keys = std::vector<std::string_view>;

/// Listeners are told apart by place (same_place() in listen_address.h).
struct ListenerChanges {
  /// Stays where it is with other attributes.
  struct Changed {
    ListenAddress address;  ///< as in the new configuration
    Keys attributes;        ///< "backlog"
  };
  std::vector<ListenAddress> added;
  std::vector<ListenAddress> removed;
  std::vector<Changed> changed;
  std::vector<ListenAddress> kept;
  [[nodiscard]] bool any() const { return !added.empty() || !removed.empty() || !changed.empty(); }
};

struct PoolChanges {
  Keys workers_replaced;  ///< running workers do not fit
  Keys size;              ///< how many workers
  Keys policy;            ///< true at once for all workers
  ListenerChanges listeners;
  [[nodiscard]] bool any() const {
    return !workers_replaced.empty() || !size.empty() || !policy.empty() || listeners.any();
  }
};

[[nodiscard]] PoolChanges compare(const PoolConfig& old_pool, const PoolConfig& new_pool);

/// The keys beside the pools in which the two differ, but for `name`: in the short form it makes another
/// pool, which is told as such, and beside `pools` nothing depends on it.
[[nodiscard]] Keys compare_file_keys(const FileKeys& old_keys, const FileKeys& new_keys);

}  // namespace prefork
