// The spawner that starts the workers now: its process, its socket, what watches both, and the deadline for
// its answers. Knows nothing of what is asked, and decides nothing: SpawnerLink does.
#pragma once

#include <sys/types.h>

#include <chrono>
#include <cstddef>
#include <optional>
#include <span>

#include "proto/fd.h"
#include "proto/result.h"
#include "supervisor/core/ids.h"
#include "supervisor/loop/callback.h"
#include "supervisor/loop/loop.h"
#include "supervisor/spawner/launch.h"
#include "supervisor/spawner/spawner.h"
#include "supervisor/state/spawner_state.h"

namespace prefork {

class ActiveSpawner {
 public:
  /// A spawner answers within milliseconds: one that is silent for so long hangs, or is stopped.
  static constexpr Duration kAnswerTimeout = std::chrono::seconds(10);

  struct Callbacks {
    Callback readable;  ///< receive() has something
    Callback exited;    ///< its process has ended: bury() it
    Callback overdue;   ///< an answer was awaited for the whole timeout, and none came
  };
  struct Answer {
    LaunchReply reply;
    Fd pidfd;  ///< not valid when there is no process, or no descriptor was free for it
  };
  struct Buried {
    pid_t pid = 0;
    Duration age{};  ///< since it became the active spawner
  };

  ActiveSpawner(const Loop& loop, Callbacks callbacks, Duration answer_timeout);

  /// `process` is the active spawner from now on. There was none.
  void begin(SpawnerProcess process);
  [[nodiscard]] bool present() const { return process_.socket.valid(); }
  [[nodiscard]] pid_t pid() const { return process_.pid; }  ///< 0: there is none
  [[nodiscard]] const Fd& socket() const { return process_.socket; }

  /// As send_passing(): never blocks, errno is the caller's to read. -1 attaches nothing.
  [[nodiscard]] ssize_t send(std::span<const std::byte> bytes, int channel, int output) const;
  /// The next answer; nothing when none has come.
  [[nodiscard]] std::optional<Answer> receive();

  /// A request has been sent: the deadline begins, unless it runs for an earlier request.
  void expect_answer();
  /// An answer has come. The deadline begins anew when `more` are awaited, and ends otherwise.
  void answered(bool more);
  [[nodiscard]] bool deadline_runs() const { return deadline_.active(); }
  /// How long an answer has been awaited without any.
  [[nodiscard]] Duration silence() const;
  [[nodiscard]] Result<void> kill();
  [[nodiscard]] bool killed() const { return killed_; }

  /// Reaps the process if it has exited, and closes its socket: a spawner that lives on exits when it sees
  /// that. There is no active spawner then.
  Buried bury();

  // For an upgrade in place.
  [[nodiscard]] SpawnerProcessState state() const;
  void adopt_start(Instant started_at) { started_at_ = started_at; }

 private:
  /// The timeout is waited for in parts: the first one after a pause of the whole machine ends before a
  /// spawner that was paused as well can have answered.
  static constexpr int kParts = 2;

  /// The process has closed its end of the socket: it is dying, or useless.
  void end_of_answers();
  void on_exit();
  void start_part();
  void on_part_over();

  Callbacks call_;
  Duration answer_timeout_;
  int parts_over_ = 0;
  std::optional<Instant> silent_since_;  ///< since the request, or the last answer; none: none is awaited
  bool killed_ = false;
  Instant started_at_;
  SpawnerProcess process_;
  ReadWatcher reply_watcher_;
  ReadWatcher exit_watcher_;
  TimerWatcher deadline_;
};

}  // namespace prefork
