// The key `limits`: setrlimit(2)'s resources by name.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "config/config.h"
#include "config/document.h"
#include "config/problems.h"

namespace prefork {

/// Reads the object `limits`, in the order of the resources' numbers; `pointer` is that of the object.
/// What the schema refused is passed over.
[[nodiscard]] std::vector<ResourceLimit> read_resource_limits(const Document& limits,
                                                              const std::string& pointer, Problems& problems);

}  // namespace prefork
