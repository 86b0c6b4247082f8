// Reads the key `limits`: the resources of setrlimit(2) by name.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "config/config.h"
#include "config/document.h"
#include "config/problems.h"

namespace prefork {

/// The limits of the object `limits`, in the order of the resources' numbers; `pointer` is the pointer of the
/// object. Skips values that the schema has refused.
[[nodiscard]] std::vector<ResourceLimit> read_resource_limits(const Document& limits,
                                                              const std::string& pointer, Problems& problems);

}  // namespace prefork
