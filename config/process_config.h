// The attributes that the kernel keeps for each process of a pool: user, limits, niceness and the like. Part
// of PoolConfig (config/config.h); docs/configuration.md explains the keys.
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace prefork {

/// The user and groups of a process, in numbers.
struct Identity {
  std::uint32_t uid = 0;
  std::uint32_t gid = 0;
  std::vector<std::uint32_t> groups;  ///< supplementary, in ascending order
  bool operator==(const Identity&) const = default;

  template <typename Self, typename Visit>
  static void visit_state(Self& self, Visit&& visit) {
    visit("uid", self.uid), visit("gid", self.gid), visit("groups", self.groups);
  }
};

/// What login(1) tells a program of its user, in the variables USER, LOGNAME, HOME and SHELL.
struct Account {
  std::string name, home, shell;
  bool operator==(const Account&) const = default;

  template <typename Self, typename Visit>
  static void visit_state(Self& self, Visit&& visit) {
    visit("name", self.name), visit("home", self.home), visit("shell", self.shell);
  }
};

/// What a pool's command and directory led to when the machine was asked: a symbolic link may lead elsewhere
/// later, and the file may be replaced.
struct PinnedProgram {
  std::string executable;  ///< its path, without links among the directories; empty: not known
  std::string directory;   ///< the path of `directory`, without links; empty: not known, or not set
  std::uint64_t device = 0, inode = 0, size = 0;
  std::int64_t modified = 0;  ///< nanoseconds
  std::uint64_t directory_device = 0, directory_inode = 0;
  std::int64_t directory_born = 0;  ///< see birth_time()
  bool operator==(const PinnedProgram&) const = default;

  template <typename Self, typename Visit>
  static void visit_state(Self& self, Visit&& visit) {
    visit("executable", self.executable), visit("directory", self.directory);
    visit("device", self.device), visit("inode", self.inode), visit("size", self.size);
    visit("modified", self.modified), visit("directory_device", self.directory_device);
    visit("directory_inode", self.directory_inode), visit("directory_born", self.directory_born);
  }
};

/// A limit of setrlimit(2); RLIM_INFINITY means no limit.
struct ResourceLimit {
  int resource = 0;  ///< RLIMIT_…
  std::string name;  ///< the name in the file: "nofile"
  std::uint64_t soft = 0;
  std::uint64_t hard = 0;
  bool operator==(const ResourceLimit&) const = default;
};

/// An attribute that is not set is the supervisor's own.
struct ProcessConfig {
  std::string user;   ///< as written in the file: for messages
  std::string group;  ///< the same
  std::optional<Identity> identity;
  std::optional<mode_t> umask;
  std::optional<int> nice;
  std::vector<ResourceLimit> limits;  ///< in the order of `resource`
  std::optional<int> oom_score_adj;   ///< not set: the supervisor's own plus 200
  Account account = {};               ///< with `identity`: of that user
  bool operator==(const ProcessConfig&) const = default;
};

}  // namespace prefork
