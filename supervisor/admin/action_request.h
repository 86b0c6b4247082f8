// A POST to /api/: checks it, and makes the method and parameters of the control protocol of it.
#pragma once

#include <string_view>

#include "supervisor/admin/route.h"

namespace prefork {

/// `name`: what stands behind "/api/".
[[nodiscard]] Route action_of(std::string_view name, const Request& request);

}  // namespace prefork
