#include "config/control_place.h"

#include <dirent.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <memory>
#include <string_view>
#include <utility>

#include "config/relative_path.h"

namespace prefork {
namespace {

constexpr const char* kOfRoot = "/run/supervisor";
constexpr std::string_view kSuffix = ".sock";
constexpr std::size_t kMostEntries = 1000;

/// FNV-1a: the same in each version of the program, as std::hash is not.
std::uint32_t hash_of(const std::string& text) {
  std::uint32_t hash = 2166136261U;
  for (const char c : text) hash = (hash ^ static_cast<unsigned char>(c)) * 16777619U;
  return hash;
}

/// The name of the file without its ending, as it may stand in the name of a socket.
std::string stem_of(const std::string& file) {
  constexpr std::size_t kLongest = 32;
  std::string stem = file.substr(file.rfind('/') + 1);
  stem = stem.substr(0, std::min(stem.rfind('.'), kLongest));
  const auto is_plain = [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' || c == '.';
  };
  std::replace_if(
      stem.begin(), stem.end(), [&](char c) { return !is_plain(c); }, '_');
  return stem.empty() ? "_" : stem;
}

std::string absolute_variable(const char* name) {
  const char* value = std::getenv(name);
  const std::string text = value == nullptr ? "" : value;
  return text.starts_with('/') ? text : "";
}

/// systemd names several directories with colons between them.
std::string directory_of_service() {
  const std::string all = absolute_variable("RUNTIME_DIRECTORY");
  return all.substr(0, all.find(':'));
}

std::string directory_of_session() {
  const std::string directory = absolute_variable("XDG_RUNTIME_DIR");
  struct stat info {};
  const bool ours = !directory.empty() && ::stat(directory.c_str(), &info) == 0 && S_ISDIR(info.st_mode) &&
                    info.st_uid == ::geteuid();
  return ours ? directory + "/supervisor" : "";
}

std::string directory_of_user() {
  return ::geteuid() == 0 ? kOfRoot : "/tmp/supervisor-" + std::to_string(::geteuid());
}

/// A directory that is missing counts, too.
bool is_trusted(const std::string& directory) {
  struct stat info {};
  if (::lstat(directory.c_str(), &info) != 0) return errno == ENOENT;
  return S_ISDIR(info.st_mode) && (::geteuid() == 0 || info.st_uid == 0 || info.st_uid == ::geteuid());
}

/// What is in the directory and is of this type (S_IFDIR, S_IFSOCK), sorted.
std::vector<std::string> entries_of(const std::string& directory, mode_t type) {
  std::vector<std::string> paths;
  const std::unique_ptr<DIR, int (*)(DIR*)> open(::opendir(directory.c_str()), ::closedir);
  if (!open) return paths;
  const dirent* entry = nullptr;
  for (std::size_t i = 0; i < kMostEntries && (entry = ::readdir(open.get())) != nullptr; ++i) {
    const std::string path = directory + '/' + entry->d_name;
    struct stat info {};
    if (entry->d_name[0] != '.' && ::lstat(path.c_str(), &info) == 0 && (info.st_mode & S_IFMT) == type)
      paths.push_back(path);
  }
  std::sort(paths.begin(), paths.end());
  return paths;
}

}  // namespace

std::string default_control_name(const std::string& config_file) {
  const std::string path = absolute_path(config_file);
  char hash[16] = "";
  (void)std::snprintf(hash, sizeof(hash), "-%08x", hash_of(path));
  return stem_of(path) + hash + std::string(kSuffix);
}

std::string default_control_name(pid_t supervisor) {
  return "run-" + std::to_string(supervisor) + std::string(kSuffix);
}

std::string runtime_directory() {
  for (std::string directory : {directory_of_service(), directory_of_session()}) {
    if (!directory.empty()) return directory;
  }
  return directory_of_user();
}

Result<void> make_runtime_directory(const std::string& directory) {
  // A supervisor that gives up root later must still be able to see its socket's file.
  const mode_t mode = ::geteuid() == 0 ? 0755 : 0700;
  const mode_t mask = ::umask(0);
  const int made = ::mkdir(directory.c_str(), mode);
  const int error = errno;
  ::umask(mask);
  if (made == 0) return {};
  if (error != EEXIST) return system_error("cannot make the directory " + directory, error);
  struct stat info {};
  if (::lstat(directory.c_str(), &info) != 0) return system_error(directory);
  if (!S_ISDIR(info.st_mode)) return Error{directory + " is not a directory"};
  if (info.st_uid != ::geteuid()) {
    return Error{"the directory " + directory + " belongs to user " + std::to_string(info.st_uid) +
                 " and not to user " + std::to_string(::geteuid())};
  }
  if ((info.st_mode & (S_IWGRP | S_IWOTH)) != 0)
    return Error{"other users can write in the directory " + directory};
  return {};
}

std::vector<std::string> runtime_directories() {
  // A command of a service asks the supervisor of that service.
  if (const std::string service = directory_of_service(); !service.empty()) return {service};
  std::vector<std::string> directories;
  if (std::string session = directory_of_session(); !session.empty())
    directories.push_back(std::move(session));
  directories.push_back(directory_of_user());
  if (::geteuid() == 0) {
    // Services of systemd: RuntimeDirectory=supervisor/NAME.
    for (std::string& service : entries_of(kOfRoot, S_IFDIR)) directories.push_back(std::move(service));
  }
  const auto refused = std::remove_if(directories.begin(), directories.end(),
                                      [](const std::string& directory) { return !is_trusted(directory); });
  directories.erase(refused, directories.end());
  return directories;
}

std::vector<std::string> control_sockets_in(const std::vector<std::string>& directories) {
  std::vector<std::string> sockets;
  for (const std::string& directory : directories) {
    for (std::string& path : entries_of(directory, S_IFSOCK)) {
      const bool has_room = sockets.size() < kMostEntries && path.size() < sizeof(sockaddr_un::sun_path);
      if (path.ends_with(kSuffix) && has_room) sockets.push_back(std::move(path));
    }
  }
  return sockets;
}

std::string find_default_control(const std::string& config_file) {
  const std::string name = '/' + default_control_name(config_file);
  for (const std::string& directory : runtime_directories()) {
    std::string path = directory + name;
    struct stat info {};
    if (::lstat(path.c_str(), &info) == 0 && S_ISSOCK(info.st_mode)) return path;
  }
  return runtime_directory() + name;
}

}  // namespace prefork
