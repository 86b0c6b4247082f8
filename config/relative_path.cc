#include "config/relative_path.h"

#include <filesystem>
#include <system_error>

namespace prefork {
namespace {

/// Where ".." leads in this directory: for a symbolic link, to the parent of what it leads to.
std::filesystem::path parent_of(const std::filesystem::path& directory) {
  std::error_code error;
  const auto up = directory / "..";
  if (std::filesystem::equivalent(directory.parent_path(), up, error)) return directory.parent_path();
  const auto real = std::filesystem::canonical(up, error);
  return error ? up : real;
}

}  // namespace

std::string absolute_path(const std::string& file) {
  std::error_code error;
  const auto whole = std::filesystem::absolute(file, error);
  if (error) return file;
  std::filesystem::path path;
  for (const auto& part : whole) {
    if (part == "..") {
      path = parent_of(path);
    } else if (!part.empty() && part != ".") {
      path /= part;
    }
  }
  return path.string();
}

std::string directory_of(const std::string& file) {
  return std::filesystem::path(absolute_path(file)).parent_path().string();
}

std::string in_directory(const std::string& path, const std::string& directory) {
  if (path.starts_with('/') || directory.empty()) return path;
  return (std::filesystem::path(directory) / path).lexically_normal().string();
}

std::string home_hint(const std::string& path) {
  if (!path.starts_with("~/") && path.find("/~/") == std::string::npos) return "";
  return "; only shells replace ~: write the path of the home directory";
}

}  // namespace prefork
