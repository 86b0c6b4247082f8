// The file where the admin process leaves its history for the next one, as at an upgrade in place. Its size
// is fixed, and it lies in memory.
#pragma once

#include "proto/fd.h"
#include "supervisor/admin/json_read.h"

namespace prefork {

/// False: it was not written as a whole, and load_history() finds nothing.
[[nodiscard]] bool save_history(const Fd& file, const Json& history);
/// Null: there is none.
[[nodiscard]] Json load_history(const Fd& file);

}  // namespace prefork
