// Reloads, one after the other: each request belongs to a round, which reads the file after the request and
// applies it. Requests that come while a round reads share the next one. The supervisor announces what comes
// of a round; Reloader applies what was read.
#pragma once

#include <sys/types.h>

#include <cstdint>

#include "supervisor/app/config_reading.h"
#include "supervisor/app/reloader.h"
#include "supervisor/control/control_event.h"
#include "supervisor/loop/log.h"
#include "supervisor/loop/loop.h"

namespace prefork {

class ReloadRounds final : private ConfigReading::Owner {
 public:
  class Owner {
   public:
    virtual ~Owner() = default;
    virtual void reload_begins() = 0;
    /// The round, and all before it, have ended.
    virtual void reload_ended(std::uint64_t round, const ReloadVerdict& verdict) = 0;
  };

  ReloadRounds(const Loop& loop, Log& log, Reloader& reloader, Owner& owner);

  /// The number of the round that will read the file. It begins with the next turn of the loop at the
  /// earliest, so never inside this call.
  std::uint64_t request();
  /// The supervisor stops: what is under way is refused, at once.
  void cancel();
  /// A round reads, or will begin.
  [[nodiscard]] bool under_way() const { return wanted_ || reading_.running(); }
  /// The child that reads: Reaper must not reap it. 0: there is none.
  [[nodiscard]] pid_t child() const { return reading_.child(); }

 private:
  void begin();
  // ConfigReading::Owner
  void config_read(const Result<ConfigAnswer>& answer) override;

  Reloader& reloader_;
  Owner& owner_;
  std::uint64_t round_ = 0;  ///< that has begun last
  bool wanted_ = false;      ///< another one is requested
  TimerWatcher begin_timer_;
  ConfigReading reading_;
};

}  // namespace prefork
