// The keys in which two configurations differ, by their effect on a running pool. Only compares: the pool
// decides what to do. A reload calls it.
#pragma once

#include <string_view>
#include <vector>

#include "config/config.h"

namespace prefork {

/// Keys by their names in docs/configuration.md ("queue.timeout"), in its order; they point to constants.
using Keys = std::vector<std::string_view>;

/// A listener is identified by its place: same_place() in listen_address.h.
struct ListenerChanges {
  /// The same place with other attributes.
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
  Keys workers_replaced;  ///< running workers must be replaced
  Keys already_run;       ///< the same kind, but back to what the running workers were started from
  Keys size;              ///< the number of workers
  Keys policy;            ///< in force at once, for running workers, too
  ListenerChanges listeners;
  [[nodiscard]] bool any() const {
    return !workers_replaced.empty() || !already_run.empty() || !size.empty() || !policy.empty() ||
           listeners.any();
  }
};

[[nodiscard]] PoolChanges compare(const PoolConfig& old_pool, const PoolConfig& new_pool);

/// The keys beside the pools in which the two differ, without `name`: in the short form another name is
/// another pool, which is reported as such, and beside `pools` nothing depends on the name.
[[nodiscard]] Keys compare_file_keys(const FileKeys& old_keys, const FileKeys& new_keys);

}  // namespace prefork
