// Launch: the data that a worker is started from, and the requests that the supervisor sends to a spawner.
// launch_reply.h has the answers.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "proto/wire.h"
#include "supervisor/spawner/launch_reply.h"

namespace prefork {

/// Argument strings and environment of a request may have this many bytes together, terminators included.
inline constexpr std::size_t kMaxLaunchSize = std::size_t{96} * 1024;

/// The user that a worker runs as, in numbers: the spawner looks up no names.
struct LaunchIdentity {
  std::string name;  ///< of the user, for messages
  std::uint32_t uid = 0;
  std::uint32_t gid = 0;
  std::vector<std::uint32_t> groups;
  bool operator==(const LaunchIdentity&) const = default;
};

/// Arguments of setrlimit(2).
struct LaunchLimit {
  std::int32_t resource = 0;
  std::string name;  ///< for messages
  std::uint64_t soft = 0;
  std::uint64_t hard = 0;
  bool operator==(const LaunchLimit&) const = default;
};

/// What the executable and the directory of a Launch led to when its generation began. The paths have no
/// links among their directories; an empty one is not known.
struct LaunchPin {
  std::string executable;
  std::string directory;
  std::uint64_t device = 0, inode = 0, size = 0;
  std::int64_t modified = 0;                                ///< nanoseconds
  std::uint64_t directory_device = 0, directory_inode = 0;  ///< 0: not known
  std::int64_t directory_born = 0;                          ///< see birth_time(); 0: not known
  bool operator==(const LaunchPin&) const = default;
};

/// The format of requests and answers: raised by one with each change of them. Before 6 a request for a
/// worker that is not native, or has a notifier, has a part more, which a spawner of an earlier version does
/// not know: it refuses the request. Since 6 all have it.
inline constexpr std::uint32_t kLaunchFormat = 6;
/// The formats before: without the birth time of the directory, without its device and inode, and without
/// Launch::pin.
inline constexpr std::uint32_t kInodeLaunchFormat = 5, kPathLaunchFormat = 4, kUnpinnedLaunchFormat = 3;
/// Whether this program can use a spawner of an earlier version, with requests in its format.
constexpr bool speaks_launch_format(std::uint32_t format) {
  return format >= kUnpinnedLaunchFormat && format <= kLaunchFormat;
}

struct Launch {
  std::string executable;  ///< absolute path
  std::vector<std::string> argv;
  std::vector<std::string> environment;         ///< "NAME=value", on top of the supervisor's own environment
  std::string directory;                        ///< empty: the supervisor's own
  bool batch = false;                           ///< SCHED_BATCH; otherwise as the supervisor is scheduled
  std::optional<LaunchIdentity> identity = {};  ///< this and the next: the supervisor's own when not set
  std::optional<std::uint32_t> umask = {};
  std::optional<std::int32_t> nice = {};
  std::optional<std::int32_t> oom_score_adj = {};
  std::vector<LaunchLimit> limits = {};
  bool batch_is_default = false;      ///< where the kernel denies it, the worker starts without
  bool oom_score_is_default = false;  ///< the same of oom_score_adj
  LaunchPin pin = {};                 ///< the paths to use, as long as they exist
  bool captured = false;      ///< its standard output and error are the descriptor attached after the channel
  Wire wire = Wire::kNative;  ///< says where the worker finds its channel
  std::optional<std::int32_t> idle_value = {};  ///< kClassic; not for the spawner
  bool notified = false;  ///< with a notifier, which speaks for the program (worker/notify)
  bool operator==(const Launch&) const = default;
};

/// Whether both start the same. What is not known of a pin differs from nothing.
[[nodiscard]] bool same_start(Launch a, const Launch& b);

/// The request to start a worker from `launch`. The worker's end of its channel is attached, and after it, if
/// the worker's output is to be captured, what becomes its descriptors 1 and 2.
[[nodiscard]] std::vector<std::byte> encode_request(const LaunchKey& key, const Launch& launch,
                                                    std::uint32_t format = kLaunchFormat);
/// A message of this one byte, instead of a request: from now on start no worker as root. Irrevocable.
inline constexpr std::byte kRenounceRoot{'R'};
/// A message of this one byte, with a socket attached: fork a standby, which serves that socket and has
/// renounced what this spawner has. The answer has kStandbyKey.
inline constexpr std::byte kForkStandby{'S'};
inline constexpr LaunchKey kStandbyKey{};  ///< no worker's: pools count from 1

struct LaunchRequest {
  LaunchKey key;
  Launch launch;
};
/// Of any format.
[[nodiscard]] std::optional<LaunchRequest> decode_request(std::span<const std::byte> bytes);

/// "exec /srv/app: No such file or directory", "set oom_score_adj to 200: Read-only file system".
[[nodiscard]] std::string describe_failure(const LaunchReply& reply, const Launch& launch);

}  // namespace prefork
