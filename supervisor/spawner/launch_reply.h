// LaunchReply: what a spawner, or a new process itself, answers to a request. Both ends are the same program
// on the same machine, so the messages are plain structures.
#pragma once

#include <cstdint>
#include <string>

namespace prefork {

/// The worker that a request is for: the reply returns it as it is.
struct LaunchKey {
  std::uint64_t pool = 0;
  std::uint64_t worker = 0;
  bool operator==(const LaunchKey&) const = default;
};

/// The step at which a start failed.
enum class LaunchStep : std::int32_t {
  kNone,
  kClone,
  kRequest,
  kRefused,  ///< a worker as root was asked for, after the supervisor has given up root
  kSession,
  kOomScore,
  kNice,
  kScheduling,
  kDescriptors,
  kLimit,
  kGroups,
  kGroup,
  kUser,
  kNoNewPrivileges,
  kDirectory,
  kExec,
  kOtherFile,       ///< only with `went_on`: the program is not the file that Launch::pin names
  kOtherDirectory,  ///< the same of the directory
  kNotifier,
};

/// The spawner's answer, with the process's pidfd attached when there is a process. A process that fails
/// before its program runs sends one more itself, with `step` and `error` set and `pid` 0; either may arrive
/// first. So does one that goes without a default, with `went_on` set.
struct LaunchReply {
  LaunchKey key;
  std::int32_t pid = 0;
  LaunchStep step = LaunchStep::kNone;
  std::int32_t error = 0;   ///< errno
  std::int32_t detail = 0;  ///< kLimit: index in Launch::limits
  bool went_on = false;     ///< not a failure: the step was left out, and the start goes on

  /// The process was not started from what Launch::pin names.
  [[nodiscard]] bool started_otherwise() const {
    return step == LaunchStep::kOtherFile || step == LaunchStep::kOtherDirectory;
  }

  /// True: sent by the spawner, and the end of the request. False: sent by a process that failed.
  [[nodiscard]] bool from_spawner() const {
    return step == LaunchStep::kNone || step == LaunchStep::kClone || step == LaunchStep::kRequest ||
           step == LaunchStep::kRefused;
  }
};

/// What workers go without, why, and what follows; of a reply with `went_on`.
[[nodiscard]] std::string describe_lack(const LaunchReply& reply);

}  // namespace prefork
