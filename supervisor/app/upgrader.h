// An upgrade in place, from the request to the exec: starts the new program as a child that examines the
// state (UpgradeCheck), waits until the supervisor may hand over, and replaces the program of this process.
// The outcome of a request is in the log and, if it is a refusal, an event.
#pragma once

#include <sys/types.h>

#include <chrono>
#include <optional>
#include <set>
#include <string>

#include "proto/result.h"
#include "supervisor/control/control_event.h"
#include "supervisor/core/operation_counts.h"
#include "supervisor/loop/log.h"
#include "supervisor/loop/loop.h"
#include "supervisor/state/upgrade_state.h"
#include "supervisor/system/client_descriptors.h"
#include "supervisor/system/program_path.h"
#include "supervisor/upgrade/upgrade_check.h"

namespace prefork {

class Upgrader final : private UpgradeCheck::Owner {
 public:
  /// The supervisor that is handed over.
  class Subject {
   public:
    virtual ~Subject() = default;
    [[nodiscard]] virtual bool stopping() const = 0;
    /// False: a reload reads the file, or a listener that one has removed still accepts connections. Neither
    /// is part of the state, so the hand-over waits.
    [[nodiscard]] virtual bool settled() const = 0;
    /// Waits a moment for calls on client sockets that are under way. False: one of them is blocked.
    [[nodiscard]] virtual bool settle_sockets() = 0;
    /// For the examination. After settle_sockets().
    [[nodiscard]] virtual SupervisorState state() = 0;
    /// For the hand-over: without what has finished. Not called inside a callback of the loop.
    [[nodiscard]] virtual SupervisorState final_state() = 0;
  };

  struct NextProgram {
    std::string path;
    std::string config_file;  ///< for its command line
  };

  Upgrader(NextProgram next, Loop& loop, Log& log, EventSink& events, const ClientDescriptors& clients,
           Subject& subject);

  /// While a process blocks a client's socket an upgrade waits: the worker that does so is killed after a
  /// second. Then it is refused.
  static constexpr Duration kBlockedRetry = std::chrono::milliseconds(100);
  static constexpr int kMaxBlocked = 20;
  /// An upgrade that is due waits for a call that writes or opens the log. Then it says so, once.
  static constexpr Duration kLogLook = std::chrono::milliseconds(100);
  static constexpr int kLogWaits = 20;

  /// Begins to examine the new program: for a command. A refusal is logged and published, too. While another
  /// upgrade is under way it is logged only: clients that wait would take the event for the verdict on that
  /// one.
  [[nodiscard]] Result<void> begin();
  /// The same for a signal.
  void request() { (void)begin(); }  // a signal has no answer
  /// The supervisor stops: an upgrade that is under way is refused at once.
  void cancel();

  /// The new program has passed the examination, and takes over as soon as it is ready().
  [[nodiscard]] bool due() const { return due_; }
  /// The loop is to be left for hand_over(). The exec ends the thread of the log, so it waits for that, too.
  [[nodiscard]] bool ready();
  /// Replaces the program of this process, with all signals blocked. Comes back when that is refused, when
  /// the supervisor is not settled any more: then it is still due(), or when a reload has put a text into
  /// force that the new program has not examined: then it is examined again. Not inside a callback of the
  /// loop.
  void hand_over();

  [[nodiscard]] const UpgradeCounts& counts() const { return counts_; }
  /// The program before has counted these; its last upgrade has succeeded.
  void has_taken_over(const UpgradeCounts& before) { counts_ = {before.succeeded + 1, before.refused}; }

  /// The child that examines the state: Reaper must not reap it. 0: there is none.
  [[nodiscard]] pid_t child() const { return check_.pid(); }

 private:
  [[nodiscard]] bool under_way() const {
    return check_.running() || due_ || handing_over_ || retry_.active();
  }
  // UpgradeCheck::Owner
  void upgrade_proven(const std::string& version) override;
  void upgrade_refused(const std::string& why) override;

  /// As begin(), without a log line or an event for a refusal.
  [[nodiscard]] Result<void> start();
  /// Gives the state to the new program once no call on a client's socket is under way.
  [[nodiscard]] Result<void> examine();
  /// exec() would wait for the thread that waits for the lock of a client's socket. An error: for too long.
  [[nodiscard]] Result<void> wait_for_sockets();
  void go_on();
  void wait_for_log();
  /// Comes back with an error, or when the new program is examined again.
  [[nodiscard]] Result<void> replace_by_proven();

  NextProgram next_;
  Loop& loop_;
  Log& log_;
  EventSink& events_;
  const ClientDescriptors& clients_;
  Subject& subject_;
  std::optional<FileIdentity> examined_;  ///< the file that check_ has started last
  std::set<std::string> examined_texts_;  ///< the texts of configurations that it has examined
  UpgradeCounts counts_;
  bool due_ = false;
  bool handing_over_ = false;  ///< another request would replace what examined_ says of the proven program
  int blocked_ = 0;            ///< how often in a row a call on a client's socket was under way
  int log_waits_ = 0;          ///< how often in a row the log was waited for
  TimerWatcher retry_;
  TimerWatcher log_retry_;
  UpgradeCheck check_;
};

}  // namespace prefork
