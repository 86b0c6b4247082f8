// The command line of supervisor-admin.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "proto/result.h"

namespace prefork {

struct AdminOptions {
  std::optional<int> link;  ///< the number of a connected socket
  std::string control;      ///< the path of a control socket
  std::vector<std::string> admin, agent, hosts;
};

/// The error is for a person.
[[nodiscard]] Result<AdminOptions> read_admin_options(const std::vector<std::string>& arguments);

}  // namespace prefork
