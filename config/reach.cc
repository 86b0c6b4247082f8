#include "config/reach.h"

#include <sys/stat.h>
#include <sys/xattr.h>
#include <unistd.h>

#include <cerrno>
#include <functional>
#include <optional>
#include <system_error>
#include <utility>

#include "config/accept_check.h"
#include "config/key_place.h"
#include "config/node_check.h"
#include "config/permission_bits.h"
#include "config/program.h"
#include "config/relative_path.h"
#include "config/schema_words.h"

namespace prefork {
namespace {

/// Whether a user may use a path in that way, as in access(2); 0 or an errno.
using Ask = std::function<int(const std::string& path, int mode)>;

int denied_to_this_user(const std::string& path, int mode) {
  return ::access(path.c_str(), mode) == 0 ? 0 : errno;
}

/// 0 also when it is not known: an access control list may permit more than the mode, and where a file system
/// has none, a server or a program may decide.
int denied_by_modes(const Identity& identity, const std::string& path, int mode) {
  struct stat info {};
  if (identity.uid == 0 || ::stat(path.c_str(), &info) != 0) return 0;
  if (permitted(info, identity, static_cast<mode_t>(mode))) return 0;
  const bool no_list =
      ::getxattr(path.c_str(), "system.posix_acl_access", nullptr, 0) < 0 && errno == ENODATA;
  return no_list ? EACCES : 0;
}

std::string this_user() { return " by user " + std::to_string(::geteuid()); }

std::string denied(const std::string& path, int error, const char* advice) {
  return json_escaped(path) + ": " + std::error_code(error, std::system_category()).message() + "; " + advice;
}

/// Why the user may not use `path` in that way; names the first directory that is closed to it.
std::optional<std::string> closed(const Ask& ask, const std::string& path, int mode, const char* advice) {
  for (std::size_t slash = path.find('/', 1); slash != std::string::npos; slash = path.find('/', slash + 1)) {
    const std::string directory = path.substr(0, slash);
    if (const int error = ask(directory, X_OK); error != 0)
      return denied(directory, error, "let the user enter it (chmod o+x), or choose another place");
  }
  if (const int error = ask(path, mode); error != 0) return denied(path, error, advice);
  return std::nullopt;
}

std::optional<std::string> closed_program(const Ask& ask, const std::string& path) {
  const char* advice = "let the user execute it (chmod o+rx)";
  if (auto why = closed(ask, path, X_OK, advice)) return why;
  const std::string interpreter = interpreter_of_script(path);
  if (!interpreter.starts_with('/')) return std::nullopt;
  if (const auto why = closed(ask, interpreter, X_OK, advice))
    return "its interpreter " + path_in_quotes(interpreter) + ": " + *why;
  return std::nullopt;
}

std::optional<std::string> closed_directory(const Ask& ask, const std::string& path) {
  return closed(ask, path, X_OK, "let the user enter it (chmod o+x)");
}

/// Why this user cannot open the log file. A missing file is no fault where the user may create it.
std::optional<std::string> why_log_file_is_closed(const Config& config) {
  if (config.log_file.empty()) return std::nullopt;
  const auto writable = [](const std::string& path, int mode) {
    const int error = denied_to_this_user(path, mode);
    return error == ENOENT ? 0 : error;
  };
  auto why = closed(writable, config.log_file, W_OK, "let the user write to it (chown)");
  if (!why && ::access(config.log_file.c_str(), F_OK) != 0) {
    const std::string directory = directory_of(config.log_file);
    if (const int error = writable(directory, W_OK | X_OK); error != 0)
      why = denied(directory, error, "create the file for the user (touch and chown), or let it write there");
  }
  return why;
}

/// `by`: which user.
std::vector<std::string> closed_log_file(const Config& config, const std::string& file,
                                         const std::string& by) {
  const auto why = why_log_file_is_closed(config);
  if (!why) return {};
  return {file + ": /log/file: " + path_in_quotes(config.log_file) + " cannot be opened again" + by + ": " +
          *why + "; until then lines go on to the file that is open, also after it was renamed"};
}

std::string place(const Config& config, const PoolConfig& pool, const std::string& file, const char* key) {
  const auto found = place_of_key(config, pool, key);
  return file + ": " + (found ? found->pointer : "/" + std::string(key)) + ": ";
}

}  // namespace

std::vector<std::string> start_faults(const Config& config, const PoolConfig& pool, const std::string& file,
                                      const std::string& libraries, const Identity* by_modes) {
  const Ask ask = by_modes == nullptr ? Ask(denied_to_this_user) : [&](const std::string& path, int mode) {
    return denied_by_modes(*by_modes, path, mode);
  };
  const std::string user =
      pool.process.user.empty()
          ? "user " + std::to_string(::geteuid()) + ", as which its workers would run, cannot "
          : "the pool's user " + in_quotes(pool.process.user) + " cannot ";
  std::vector<std::string> faults;
  const auto add = [&](const char* key, const char* what, const std::string& path, const std::string& why) {
    faults.push_back(place(config, pool, file, key) + user + what + path_in_quotes(path) + ": " + why);
  };
  if (const auto why = closed_program(ask, pool.executable)) add("command", "run ", pool.executable, *why);
  if (pool.protocol.name == Protocol::kAccept) {
    const std::string library = accept_library_of(pool, libraries);
    if (const auto why = closed(ask, library, R_OK, "let the user read it (chmod o+r)"))
      add("protocol", "load ", library, *why);
  }
  if (pool.protocol.name == Protocol::kNode) {
    const std::string module = node_module_of(libraries);
    if (const auto why = closed(ask, module, R_OK, "let the user read it (chmod o+r)"))
      add("protocol", "load ", module, *why);
  }
  if (pool.directory.empty()) return faults;
  if (const auto why = closed_directory(ask, pool.directory))
    add("directory", "run in ", pool.directory, *why);
  return faults;
}

std::vector<std::string> reload_faults(const Config& config, const std::string& file) {
  const std::string user =
      this_user() + ", which the supervisor becomes when it gives up root (see supervisor_user)";
  const std::string by = user + ": ";
  const std::string then = "; until then every reload is refused";
  std::vector<std::string> faults;
  // The supervisor opens it by its whole path, wherever this command was started.
  if (const auto why = closed(denied_to_this_user, absolute_path(file), R_OK,
                              "let the user read it (chmod o+r, or chgrp and chmod g+r)"))
    faults.push_back(file + ": cannot be read" + by + *why + then);
  for (const PoolConfig& pool : config.pools) {
    const auto add = [&](const char* key, const std::string& why) {
      std::string line = place(config, pool, file, key);
      for (const std::string& part : {std::string("cannot be checked"), by, why, then}) line += part;
      faults.push_back(std::move(line));
    };
    if (const auto why = closed_program(denied_to_this_user, pool.executable)) add("command", *why);
    // A directory is only looked at, so the way to it is enough.
    const std::size_t slash = pool.directory.rfind('/');
    if (slash == std::string::npos || slash == 0) continue;
    if (const auto why = closed_directory(denied_to_this_user, pool.directory.substr(0, slash)))
      add("directory", *why);
  }
  for (std::string& fault : closed_log_file(config, file, user)) faults.push_back(std::move(fault));
  if (const std::string& token = config.admin.token_file; !token.empty()) {
    if (const auto why =
            closed(denied_to_this_user, token, R_OK, "let the user read it (chgrp and chmod g+r)"))
      faults.push_back(file + ": /admin_token_file: cannot be read" + by + *why + then);
  }
  return faults;
}

std::vector<std::string> log_file_start_faults(const Config& config, const std::string& file) {
  const auto why = why_log_file_is_closed(config);
  if (!why) return {};
  return {file + ": /log/file: a supervisor that starts now cannot open " + path_in_quotes(config.log_file) +
          this_user() + ": " + *why};
}

std::vector<std::string> log_file_faults(const Config& config, const std::string& file) {
  return closed_log_file(config, file, this_user());
}

}  // namespace prefork
