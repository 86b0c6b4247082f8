#include "config/program.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <filesystem>
#include <optional>
#include <string_view>
#include <vector>

#include "config/relative_path.h"
#include "config/schema_words.h"
#include "proto/birth_time.h"
#include "proto/fd.h"

namespace prefork {
namespace {

constexpr const char* kMissing = "does not exist; install it, or correct the path";

bool may_execute(const std::string& path) {
  if (::faccessat(AT_FDCWD, path.c_str(), X_OK, AT_EACCESS) == 0) return true;
  // EPERM: a container's rules deny the system call behind it. The older one looks at the real user, which is
  // the same unless the supervisor is setuid.
  return errno == EPERM && ::access(path.c_str(), X_OK) == 0;
}

/// The present user may not be the one of whom it is asked: `check` may run for a supervisor of root.
std::string closed_to_this_user(const char* what, const char* open) {
  return std::string(what) + " by user " + std::to_string(::geteuid()) + ": Permission denied; " + open +
         ", or run this command as the user that starts the supervisor";
}

/// Why a regular file with this mode may not be executed.
std::string execute_fault(mode_t mode) {
  if ((mode & (S_IXUSR | S_IXGRP | S_IXOTH)) == 0) return "is not executable; make it so (chmod +x)";
  if (::geteuid() == 0) return "cannot be executed: its file system is mounted noexec; choose another place";
  return closed_to_this_user("cannot be executed", "let that user execute it (chmod o+rx)");
}

/// Why `path` cannot be executed, from its entry in the file system alone; nothing if it can.
std::optional<std::string> entry_fault(const std::string& path) {
  struct stat info = {};
  if (::stat(path.c_str(), &info) != 0) {
    const int error = errno;
    if (error == ENOENT) return kMissing;
    if (error == EACCES)
      return closed_to_this_user("cannot be examined", "let that user enter its directories (chmod o+x)");
    return "cannot be examined: " + std::error_code(error, std::system_category()).message();
  }
  if (S_ISDIR(info.st_mode)) return "is a directory; name the program in it";
  if (!S_ISREG(info.st_mode)) return "is not a regular file; name a program";
  if (!may_execute(path)) return execute_fault(info.st_mode);
  return std::nullopt;
}

/// The bytes of a file that the kernel examines; nothing if the file cannot be read (it may still be
/// executable).
std::optional<std::string> first_bytes(const std::string& path) {
  constexpr std::size_t kExamined = 256;
  const Fd fd(::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK));
  if (!fd.valid()) return std::nullopt;
  std::string text(kExamined, '\0');
  const ssize_t got = ::read(fd.get(), text.data(), text.size());
  if (got < 0) return std::nullopt;
  text.resize(static_cast<std::size_t>(got));
  return text;
}

std::string interpreter_of(std::string_view script) {
  std::string_view line = script.substr(2, script.find('\n') - 2);
  const std::size_t begin = line.find_first_not_of(" \t");
  if (begin == std::string_view::npos) return "";
  line.remove_prefix(begin);
  return std::string(line.substr(0, line.find_first_of(" \t")));
}

/// Why the kernel cannot start the file, from its contents; nothing if it can.
std::optional<std::string> content_fault(const std::string& path) {
  const auto text = first_bytes(path);
  if (!text || text->starts_with("\177ELF")) return std::nullopt;
  if (text->empty()) return "is empty; it must be an ELF program, or a script that begins with #!";
  if (!text->starts_with("#!"))
    return "is neither an ELF program nor a script that begins with #!; name a program, or add that line";
  const std::string interpreter = interpreter_of(*text);
  if (interpreter.empty())
    return "is a script that names no interpreter after #!; write one, such as #!/bin/sh";
  auto fault = entry_fault(interpreter);
  if (!fault) return std::nullopt;
  if (interpreter.ends_with('\r'))
    return "is a script whose first line ends in a carriage return; save it with the line ends of Unix";
  return "is a script whose interpreter " + json_escaped(interpreter) + " " + *fault;
}

std::vector<std::string> places(const CommandSearch& search) {
  std::vector<std::string> all;
  std::string_view rest = search.path;
  while (!rest.empty()) {
    const std::size_t colon = rest.find(':');
    const std::string_view place = rest.substr(0, colon);
    if (place.starts_with('/')) all.emplace_back(place);
    rest = colon == std::string_view::npos ? "" : rest.substr(colon + 1);
  }
  if (!search.own_directory.empty()) all.push_back(search.own_directory);
  return all;
}

Result<std::string> look_up(const std::string& name, const CommandSearch& search) {
  std::optional<Error> reason;
  for (const std::string& place : places(search)) {
    const std::string path = (std::filesystem::path(place) / name).lexically_normal().string();
    const auto fault = entry_fault(path);
    if (!fault) return path;
    if (!reason && *fault != kMissing) {
      reason = Error{path_in_quotes(name) + ": " + json_escaped(path) + " " + *fault};
    }
  }
  if (reason) return *reason;
  return Error{path_in_quotes(name) + " is not found in PATH (" + path_in_quotes(search.path) +
               ") nor beside the supervisor's own program; write its path"};
}

}  // namespace

Result<std::string> find_program(const std::string& name, const std::string& directory,
                                 const CommandSearch& search) {
  if (name.empty()) return Error{"\"\" is not the name of a program; write its name or its path"};
  std::string path = name;
  if (name.find('/') == std::string::npos) {
    auto found = look_up(name, search);
    if (!found) return found;
    path = std::move(found).value();
  } else {
    path = absolute_path((std::filesystem::path(directory) / name).string());
  }
  const std::string subject = path_in_quotes(name) + (path == name ? " " : ": " + json_escaped(path) + " ");
  if (const auto fault = entry_fault(path))
    return Error{subject + *fault + (*fault == kMissing ? home_hint(name) : "")};
  if (const auto fault = content_fault(path)) return Error{subject + *fault};
  return path;
}

std::string interpreter_of_script(const std::string& path) {
  const auto text = first_bytes(path);
  return text && text->starts_with("#!") ? interpreter_of(*text) : "";
}

PinnedProgram pin_program(const std::string& executable, const std::string& directory) {
  PinnedProgram pinned;
  struct stat info {};
  std::error_code error;
  // The last part stays as it is: programs may look at the name by which they are started.
  const std::filesystem::path path(executable);
  const std::filesystem::path place = std::filesystem::canonical(path.parent_path(), error);
  if (!error && ::stat(executable.c_str(), &info) == 0) {
    pinned.executable = (place / path.filename()).string();
    pinned.device = info.st_dev;
    pinned.inode = info.st_ino;
    pinned.size = static_cast<std::uint64_t>(info.st_size);
    pinned.modified = std::int64_t{info.st_mtim.tv_sec} * 1'000'000'000 + info.st_mtim.tv_nsec;
  }
  if (directory.empty()) return pinned;
  const std::filesystem::path real = std::filesystem::canonical(directory, error);
  if (!error && ::stat(real.c_str(), &info) == 0) {
    pinned.directory = real.string();
    pinned.directory_device = info.st_dev;
    pinned.directory_inode = info.st_ino;
    pinned.directory_born = birth_time(real.c_str());
  }
  return pinned;
}

}  // namespace prefork
