#include "supervisor/system/admin_program.h"

#include <cstdlib>
#include <filesystem>
#include <string_view>

#include "supervisor/system/program_path.h"

namespace prefork {

std::string admin_program() {
  constexpr std::string_view kBuild = BUILD_DIRECTORY;
  constexpr std::string_view kInstalled = ADMIN_DIRECTORY;  // perhaps relative to the program's
  const std::string own = own_directory();
  if (!own.starts_with(std::string(kBuild) + '/'))
    return (std::filesystem::path(own) / kInstalled / "supervisor-admin").lexically_normal().string();
  const char* other = std::getenv("SUPERVISOR_ADMIN_PROGRAM");
  return other != nullptr ? other : std::string(kBuild) + "/supervisor/admin/supervisor-admin";
}

}  // namespace prefork
