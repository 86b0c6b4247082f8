#include "config/reach.h"

#include <unistd.h>

#include <cerrno>
#include <optional>
#include <system_error>
#include <utility>

#include "config/key_place.h"
#include "config/program.h"
#include "config/relative_path.h"
#include "config/schema_words.h"

namespace prefork {
namespace {

std::string denied(const std::string& path, const char* advice) {
  const std::error_code why(errno, std::system_category());
  return json_escaped(path) + ": " + why.message() + "; " + advice;
}

/// Why this user may not use `path` in that way (access(2)); names the first directory that is closed to it.
std::optional<std::string> closed(const std::string& path, int mode, const char* advice) {
  for (std::size_t slash = path.find('/', 1); slash != std::string::npos; slash = path.find('/', slash + 1)) {
    const std::string directory = path.substr(0, slash);
    if (::access(directory.c_str(), X_OK) != 0)
      return denied(directory, "let the user enter it (chmod o+x), or choose another place");
  }
  if (::access(path.c_str(), mode) != 0) return denied(path, advice);
  return std::nullopt;
}

std::optional<std::string> closed_program(const std::string& path) {
  const char* advice = "let the user execute it (chmod o+rx)";
  if (auto why = closed(path, X_OK, advice)) return why;
  const std::string interpreter = interpreter_of_script(path);
  if (!interpreter.starts_with('/')) return std::nullopt;
  if (const auto why = closed(interpreter, X_OK, advice))
    return "its interpreter " + path_in_quotes(interpreter) + ": " + *why;
  return std::nullopt;
}

std::optional<std::string> closed_directory(const std::string& path) {
  return closed(path, X_OK, "let the user enter it (chmod o+x)");
}

std::string place(const Config& config, const PoolConfig& pool, const std::string& file, const char* key) {
  const auto found = place_of_key(config, pool, key);
  return file + ": " + (found ? found->pointer : "/" + std::string(key)) + ": ";
}

}  // namespace

std::vector<std::string> start_faults(const Config& config, const PoolConfig& pool, const std::string& file) {
  const std::string user = pool.process.user.empty()
                               ? "this user cannot "
                               : "the pool's user " + in_quotes(pool.process.user) + " cannot ";
  std::vector<std::string> faults;
  const auto add = [&](const char* key, const char* what, const std::string& path, const std::string& why) {
    faults.push_back(place(config, pool, file, key) + user + what + path_in_quotes(path) + ": " + why);
  };
  if (const auto why = closed_program(pool.executable)) add("command", "run ", pool.executable, *why);
  if (pool.directory.empty()) return faults;
  if (const auto why = closed_directory(pool.directory)) add("directory", "run in ", pool.directory, *why);
  return faults;
}

std::vector<std::string> reload_faults(const Config& config, const std::string& file) {
  const std::string by = " by user " + std::to_string(::geteuid()) +
                         ", which the supervisor becomes when it gives up root (see supervisor_user): ";
  const std::string then = "; until then every reload is refused";
  std::vector<std::string> faults;
  // The supervisor opens it by its whole path, wherever this command was started.
  if (const auto why =
          closed(absolute_path(file), R_OK, "let the user read it (chmod o+r, or chgrp and chmod g+r)"))
    faults.push_back(file + ": cannot be read" + by + *why + then);
  for (const PoolConfig& pool : config.pools) {
    const auto add = [&](const char* key, const std::string& why) {
      std::string line = place(config, pool, file, key);
      for (const std::string& part : {std::string("cannot be checked"), by, why, then}) line += part;
      faults.push_back(std::move(line));
    };
    if (const auto why = closed_program(pool.executable)) add("command", *why);
    // A directory is only looked at, so the way to it is enough.
    const std::size_t slash = pool.directory.rfind('/');
    if (slash == std::string::npos || slash == 0) continue;
    if (const auto why = closed_directory(pool.directory.substr(0, slash))) add("directory", *why);
  }
  return faults;
}

}  // namespace prefork
