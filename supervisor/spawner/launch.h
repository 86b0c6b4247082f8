// What a worker is started from, and the messages between supervisor and spawner. Both ends are the same
// program, so the messages are plain structures; they never leave the machine.
#pragma once

#include <sys/types.h>

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace prefork {

/// Argument strings and environment of a request may have this many bytes together, terminators included.
inline constexpr std::size_t kMaxLaunchSize = std::size_t{96} * 1024;

/// Whom a worker runs as, in numbers: what starts it looks nothing up.
struct LaunchIdentity {
  std::string name;  ///< of the user, for messages
  std::uint32_t uid = 0;
  std::uint32_t gid = 0;
  std::vector<std::uint32_t> groups;
  bool operator==(const LaunchIdentity&) const = default;
};

/// As setrlimit(2) takes it.
struct LaunchLimit {
  std::int32_t resource = 0;
  std::string name;  ///< for messages
  std::uint64_t soft = 0;
  std::uint64_t hard = 0;
  bool operator==(const LaunchLimit&) const = default;
};

/// Which form of requests and answers the two ends speak: one more with each change of them.
inline constexpr std::uint32_t kLaunchFormat = 2;

struct Launch {
  std::string executable;  ///< absolute path
  std::vector<std::string> argv;
  std::vector<std::string> environment;         ///< "NAME=value", on top of the supervisor's own environment
  std::string directory;                        ///< empty: the supervisor's own
  bool batch = false;                           ///< SCHED_BATCH; otherwise as the supervisor is scheduled
  std::optional<LaunchIdentity> identity = {};  ///< this and what follows: the supervisor's own when not set
  std::optional<std::uint32_t> umask = {};
  std::optional<std::int32_t> nice = {};
  std::optional<std::int32_t> oom_score_adj = {};
  std::vector<LaunchLimit> limits = {};
  bool captured = false;  ///< its standard output and standard error are what is attached after the channel
  bool operator==(const Launch&) const = default;
};

/// Whom a request is for: returned in the reply as it is.
struct LaunchKey {
  std::uint64_t pool = 0;
  std::uint64_t worker = 0;
  bool operator==(const LaunchKey&) const = default;
};

/// What a new process was doing when it failed.
enum class LaunchStep : std::int32_t {
  kNone,
  kClone,
  kRequest,
  kRefused,  ///< asked for root, after the supervisor has given that up
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
  kExec
};

/// The spawner's answer, with the process's pidfd attached when there is a process. A process that fails
/// before its program runs sends one more itself, with `step` and `error` set and `pid` 0; either may arrive
/// first.
struct LaunchReply {
  LaunchKey key;
  std::int32_t pid = 0;
  LaunchStep step = LaunchStep::kNone;
  std::int32_t error = 0;   ///< errno
  std::int32_t detail = 0;  ///< kLimit: which one of Launch::limits

  /// Sent by the spawner, and so the end of a request; false for what a failing process says itself.
  [[nodiscard]] bool from_spawner() const {
    return step == LaunchStep::kNone || step == LaunchStep::kClone || step == LaunchStep::kRequest ||
           step == LaunchStep::kRefused;
  }
};

/// The request to start a worker from `launch`. The worker's end of its channel is attached, and after it, if
/// the worker's output is to be captured, what becomes its descriptors 1 and 2.
[[nodiscard]] std::vector<std::byte> encode_request(const LaunchKey& key, const Launch& launch);
/// Instead of a request, this one byte: from now on start nobody as root. It cannot be taken back.
inline constexpr std::byte kRenounceRoot{'R'};
/// The same, with a socket attached: become two. The other one serves that socket, and has renounced what
/// this one has. The answer is one to kStandbyKey.
inline constexpr std::byte kForkStandby{'S'};
inline constexpr LaunchKey kStandbyKey{};  ///< no worker's: pools count from 1

struct LaunchRequest {
  LaunchKey key;
  Launch launch;
};
[[nodiscard]] std::optional<LaunchRequest> decode_request(std::span<const std::byte> bytes);

/// "exec /srv/app: No such file or directory".
[[nodiscard]] std::string describe_failure(const LaunchReply& reply, const Launch& launch);

}  // namespace prefork
