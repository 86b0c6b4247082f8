// One connection of a client to the control socket: reads requests, a line each, and sends answers and
// events. Everything is bounded: one request, or one piece of an answer, at a time, in turn with the other
// clients; lines of at most RequestLines::kMaxLine bytes, and a client that does not read its answers is
// disconnected. While a request awaits a reload, the next one waits; on the link of the admin process, which
// asks for many clients, the next ones do not.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "proto/fd.h"
#include "supervisor/control/event_history.h"
#include "supervisor/control/methods.h"
#include "supervisor/control/request_lines.h"
#include "supervisor/control_server/control_output.h"
#include "supervisor/loop/log.h"
#include "supervisor/loop/loop.h"
#include "supervisor/loop/shared_turns.h"

namespace prefork {

class ControlConnection final : private Caller, private SharedTurns::Member {
 public:
  /// Maximum unsent output: with so much waiting, the next line closes the connection. An answer may be
  /// longer, and events that follow it do not count its bytes: the client has had no time to read them.
  static constexpr std::size_t kMaxOutput = std::size_t{1} << 20;

  /// What all clients share. Outlives them.
  struct Services {
    const Loop& loop;
    Log& log;
    SharedTurns& turns;
    Operations& operations;
    const EventHistory& history;
  };

  /// `rights` may change while the client is connected.
  ControlConnection(const Services& services, Fd socket, const Rights& rights);
  ~ControlConnection() override { services_.turns.forget(*this); }
  ControlConnection(const ControlConnection&) = delete;
  ControlConnection& operator=(const ControlConnection&) = delete;

  /// The client gets events.
  [[nodiscard]] bool subscribed() const { return subscribed_ && !over(); }
  /// Sends the line of an event. While an answer is made it waits for its end: the figures of an answer are
  /// those of the moment at which it was begun, so what comes before it in the stream is in them.
  void send_event(std::string_view line);
  /// Answers a request that awaits this round or an earlier one.
  void reload_ended(std::uint64_t round, const ReloadVerdict& verdict);
  /// Sends a line with copies of these descriptors, after what waits to be sent. While another such line
  /// waits, the client does not read, and the connection is closed.
  void send_passing(std::string_view line, std::vector<Fd> descriptors);
  /// Bytes from the client so far; bytes, here or in the kernel, that it has not read. Of these only 0 is
  /// exact.
  [[nodiscard]] std::uint64_t received() const { return received_; }
  [[nodiscard]] std::size_t unread() const;
  /// Closed by either side. To be destroyed, but not inside its own callback.
  [[nodiscard]] bool over() const { return !socket_.valid(); }

 private:
  static constexpr std::size_t kBytesPerRead = 4096;
  static constexpr std::size_t kMaxAwaited = 16;

  // Caller
  std::uint64_t subscribe(std::optional<std::uint64_t> since) override;
  void await_reload(std::uint64_t round, const std::string& id) override { awaited_.push_back({round, id}); }
  [[nodiscard]] const Rights& rights() const override { return rights_; }
  void requests(const std::string& action, const std::string& client, std::string_view denied) override;

  void on_readable();
  void request_turn() { (void)services_.turns.request(*this); }
  /// Handles the next request, or makes the next piece of an answer.
  void step() override;
  void answer_next();
  /// To the next request or the next piece, when there is one and no reload has to end first. It waits for
  /// the next iteration of the loop at least.
  void go_on();
  [[nodiscard]] bool must_wait_for_reload() const {
    return awaited_.size() >= (rights_.limited ? kMaxAwaited : 1);
  }
  void refuse_long_line();
  /// `max`: see kMaxOutput.
  void send(std::string_view text, std::size_t max = kMaxOutput);
  void flush();
  /// Reads no more requests, and closes when everything has been sent.
  void finish();
  void close();

  struct AwaitedReload {
    std::uint64_t round = 0;
    std::string id;  ///< of the request, as JSON
  };

  Services services_;
  const Rights& rights_;
  RequestLines input_;
  std::optional<Answer> answer_;   ///< what is left of it to be made
  std::string answered_;           ///< its pieces so far
  std::string held_events_;        ///< come after it
  std::size_t latest_answer_ = 0;  ///< its size
  ControlOutput output_;
  std::uint64_t received_ = 0;
  std::optional<Instant> last_warning_;  ///< of a request that was denied
  bool subscribed_ = false;
  bool finishing_ = false;
  std::optional<std::uint64_t> replay_since_;
  std::vector<AwaitedReload> awaited_;
  Fd socket_;
  ReadWatcher read_watcher_;
  WriteWatcher write_watcher_;
  TimerWatcher next_timer_;  ///< after it the connection requests a turn
};

}  // namespace prefork
