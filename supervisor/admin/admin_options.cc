#include "supervisor/admin/admin_options.h"

#include <charconv>

namespace prefork {
namespace {

constexpr const char* kUsage =
    "usage: supervisor-admin --control PATH --admin ADDRESS… [--agent ADDRESS…] [--host NAME…]\n"
    "       supervisor-admin --link DESCRIPTOR   (started by supervisor)";

}  // namespace

Result<AdminOptions> read_admin_options(const std::vector<std::string>& arguments) {
  AdminOptions options;
  std::string option;
  bool has_value = true;
  for (const std::string& argument : arguments) {
    if (argument.starts_with("--")) {
      if (!has_value) return Error{kUsage};
      option = argument;
      has_value = false;
      continue;
    }
    has_value = true;
    if (option == "--link") {
      int number = -1;
      const auto [end, error] = std::from_chars(argument.data(), argument.data() + argument.size(), number);
      if (error != std::errc() || end != argument.data() + argument.size() || number < 0)
        return Error{kUsage};
      options.link = number;
    } else if (option == "--control") {
      options.control = argument;
    } else if (option == "--admin") {
      options.admin.push_back(argument);
    } else if (option == "--agent") {
      options.agent.push_back(argument);
    } else if (option == "--host") {
      options.hosts.push_back(argument);
    } else {
      return Error{kUsage};
    }
  }
  if (!has_value || options.link.has_value() == !options.control.empty()) return Error{kUsage};
  if (options.link ? !options.admin.empty() || !options.agent.empty() || !options.hosts.empty()
                   : options.admin.empty()) {
    return Error{kUsage};
  }
  return options;
}

}  // namespace prefork
