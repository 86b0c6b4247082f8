#include "supervisor/system/program_path.h"

#include <unistd.h>

#include <array>
#include <climits>
#include <cstdlib>
#include <string_view>

namespace prefork {
namespace {

constexpr const char* kRunning = "/proc/self/exe";

bool is_running_program(const std::string& path) {
  struct stat named {};
  struct stat running {};
  return ::stat(path.c_str(), &named) == 0 && ::stat(kRunning, &running) == 0 &&
         named.st_dev == running.st_dev && named.st_ino == running.st_ino;
}

std::string absolute(const std::string& path) {
  if (path.starts_with('/')) return path;
  std::array<char, PATH_MAX> directory{};
  return ::getcwd(directory.data(), directory.size()) == nullptr ? path
                                                                 : std::string(directory.data()) + '/' + path;
}

/// Searches PATH, as the shell did.
std::string found_in_path(const std::string& name) {
  const char* path = std::getenv("PATH");
  std::string_view rest = path == nullptr ? "" : path;
  while (!rest.empty()) {
    const std::size_t end = rest.find(':');
    std::string candidate = absolute(std::string(rest.substr(0, end)) + '/' + name);
    if (is_running_program(candidate)) return candidate;
    rest = end == std::string_view::npos ? "" : rest.substr(end + 1);
  }
  return "";
}

/// What the kernel calls the running program; empty if it does not say.
std::string name_in_proc() {
  std::array<char, PATH_MAX> target{};
  const ssize_t size = ::readlink(kRunning, target.data(), target.size());
  return size <= 0 ? "" : std::string(target.data(), static_cast<std::size_t>(size));
}

std::string path_from_kernel() {
  std::string path = name_in_proc();
  // The file was replaced or removed since the start; its former path is wanted.
  constexpr std::string_view kDeleted = " (deleted)";
  if (path.ends_with(kDeleted) && !is_running_program(path)) path.resize(path.size() - kDeleted.size());
  return path;
}

}  // namespace

std::string program_path(const char* argv0) {
  const std::string name = argv0 == nullptr ? "" : argv0;
  if (!name.empty()) {
    std::string path = name.find('/') == std::string::npos ? found_in_path(name) : absolute(name);
    if (!path.empty() && is_running_program(path)) return path;
  }
  return path_from_kernel();
}

std::string own_directory() {
  const std::string program = name_in_proc();
  return program.substr(0, program.rfind('/'));
}

Result<FileIdentity> FileIdentity::of(const std::string& path) {
  FileIdentity identity;
  if (::stat(path.c_str(), &identity.status_) < 0) return system_error(path);
  return identity;
}

bool FileIdentity::operator==(const FileIdentity& other) const {
  return status_.st_dev == other.status_.st_dev && status_.st_ino == other.status_.st_ino &&
         status_.st_size == other.status_.st_size && status_.st_mtim.tv_sec == other.status_.st_mtim.tv_sec &&
         status_.st_mtim.tv_nsec == other.status_.st_mtim.tv_nsec;
}

}  // namespace prefork
