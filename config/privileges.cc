#include "config/privileges.h"

#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <optional>

#include "config/permission_bits.h"
#include "config/schema_words.h"

namespace prefork {
namespace {

bool may_write(const struct stat& info, const Identity& identity) { return permitted(info, identity, W_OK); }

/// What this user could change so that another program runs: the file itself, or its entry in the directory.
std::optional<std::string> changeable(const std::string& program, const Identity& identity) {
  struct stat file {};
  if (::stat(program.c_str(), &file) != 0) return std::nullopt;
  if (may_write(file, identity) || file.st_uid == identity.uid) return program;
  const std::string directory = program.substr(0, std::max<std::size_t>(program.rfind('/'), 1));
  struct stat place {};
  if (::stat(directory.c_str(), &place) != 0 || !may_write(place, identity)) return std::nullopt;
  const bool only_own_files = (place.st_mode & S_ISVTX) != 0 && place.st_uid != identity.uid;
  return only_own_files ? std::nullopt : std::optional(directory);
}

void add_pool_warnings(const PoolConfig& pool, const std::string& file, bool as_root,
                       std::vector<std::string>& warnings) {
  const std::string subject = file + ": pool " + pool.name;
  const auto& identity = pool.process.identity;
  if (!identity) {
    if (as_root) warnings.push_back(subject + ": its workers run as root; give it a \"user\"");
    return;
  }
  if (const auto what = changeable(pool.executable, *identity)) {
    warnings.push_back(subject + ": its user " + json_escaped(pool.process.user) +
                       " can change what its workers execute: " + json_escaped(*what) +
                       " is writable for it; give it to root, and take that permission away");
  }
}

}  // namespace

std::vector<std::string> privilege_warnings(const Config& config, const std::string& file, bool as_root) {
  std::vector<std::string> warnings;
  for (const PoolConfig& pool : config.pools) add_pool_warnings(pool, json_escaped(file), as_root, warnings);
  if (config.supervisor_identity && !every_pool_has_user(config)) {
    warnings.push_back(
        json_escaped(file) +
        ": /supervisor_user: has no effect while a pool has no \"user\"; give each pool one, or remove it");
  }
  struct stat info {};
  const bool others_write = ::stat(file.c_str(), &info) == 0 && S_ISREG(info.st_mode) &&
                            (info.st_uid != 0 || (info.st_mode & (S_IWGRP | S_IWOTH)) != 0);
  if (as_root && others_write) {
    warnings.push_back(json_escaped(file) +
                       ": others than root can change this file, and with it what root runs; give it to "
                       "root, and take that permission away");
  }
  return warnings;
}

bool every_pool_has_user(const Config& config) {
  return std::all_of(config.pools.begin(), config.pools.end(),
                     [](const PoolConfig& pool) { return pool.process.identity.has_value(); });
}

}  // namespace prefork
