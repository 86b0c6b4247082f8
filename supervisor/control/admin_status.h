// The admin process in the status and among the events, as plain values.
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "supervisor/core/death_record.h"
#include "supervisor/core/ids.h"

namespace prefork {

struct AdminStatus {
  pid_t pid = 0;      ///< 0: there is none now
  std::string state;  ///< "starting", "running", "ending", "waiting" for the next attempt to start
  std::uint64_t restarts = 0;
  std::uint32_t failures = 0;                 ///< how many in a row were of no use; 0: it is of use
  std::string failure = {};                   ///< why the last of them ended
  std::optional<Duration> next_attempt = {};  ///< "waiting": until the next one is started
  std::vector<std::string> addresses, agent;  ///< where it listens
  bool actions = false;                       ///< a token allows them
};

namespace control_event {

/// It has died, or could not be started.
struct AdminDied {
  pid_t pid = 0;  ///< 0: there never was a process
  Exit exit;
  std::string text;                 ///< why, in words
  std::vector<std::string> output;  ///< its last lines
  Duration next_attempt{};
};

}  // namespace control_event
}  // namespace prefork
