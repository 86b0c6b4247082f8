#include "supervisor/app/admin_warnings.h"

#include <unistd.h>

#include <cerrno>

#include "supervisor/system/admin_program.h"

namespace prefork {

std::vector<std::string> admin_warnings(const Config& config, const std::string& file) {
  std::vector<std::string> warnings;
  const AdminConfig& admin = config.admin;
  const auto warn = [&](const char* key, const std::string& what) {
    warnings.push_back(file + ": /" + key + ": " + what);
  };
  if (admin.wanted()) {
    const std::string program = admin_program();
    if (::access(program.c_str(), X_OK) != 0) {
      warn(admin.listen.empty() ? "agent" : "admin",
           "the program of the admin process cannot be executed: " + system_error(program).message() +
               "; nothing answers there until it is installed");
    }
  } else if (!admin.user.empty()) {
    warn("admin_user", "has no effect without \"admin\" or \"agent\"; add one, or remove it");
  }
  if (!admin.listen.empty()) return warnings;
  if (!admin.token_file.empty())
    warn("admin_token_file", "has no effect without \"admin\"; add it, or remove this");
  if (!admin.hosts.empty()) warn("admin_hosts", "has no effect without \"admin\"; add it, or remove this");
  return warnings;
}

}  // namespace prefork
