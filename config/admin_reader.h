// Reads the keys of the admin process. Called by build.cc before the pools are read, so that a pool that
// listens at the same place is what is refused.
#pragma once

#include "config/admin_config.h"
#include "config/build.h"
#include "config/document.h"
#include "config/listen_reader.h"
#include "config/problems.h"

namespace prefork {

[[nodiscard]] AdminConfig read_admin(const Document& document, const Surroundings& surroundings,
                                     ListenReader& listeners, Problems& problems);

}  // namespace prefork
