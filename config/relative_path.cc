#include "config/relative_path.h"

#include <filesystem>
#include <system_error>

namespace prefork {

std::string absolute_path(const std::string& file) {
  std::error_code error;
  const auto path = std::filesystem::absolute(file, error);
  return error ? file : path.lexically_normal().string();
}

std::string directory_of(const std::string& file) {
  return std::filesystem::path(absolute_path(file)).parent_path().string();
}

std::string in_directory(const std::string& path, const std::string& directory) {
  if (path.starts_with('/') || directory.empty()) return path;
  return (std::filesystem::path(directory) / path).lexically_normal().string();
}

}  // namespace prefork
