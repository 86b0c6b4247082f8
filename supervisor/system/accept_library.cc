#include "supervisor/system/accept_library.h"

#include <filesystem>
#include <string_view>

#include "supervisor/system/program_path.h"

namespace prefork {

std::string accept_library_directory() {
  constexpr std::string_view kBuild = BUILD_DIRECTORY;
  constexpr std::string_view kInstalled = ACCEPT_LIBRARY_DIRECTORY;  // perhaps relative to the program's
  const std::string own = own_directory();
  if (own.starts_with(std::string(kBuild) + '/')) return std::string(kBuild) + "/worker/accept";
  return (std::filesystem::path(own) / kInstalled).lexically_normal().string();
}

}  // namespace prefork
