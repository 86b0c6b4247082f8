// One client of the control socket: reads requests, a line each, and sends answers and events. Bounded in
// every direction: one request each time round the loop, lines of RequestLines::kMaxLine, and a client that
// does not read is cut off.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "proto/fd.h"
#include "supervisor/control/event_history.h"
#include "supervisor/control/methods.h"
#include "supervisor/control/request_lines.h"
#include "supervisor/loop/loop.h"

namespace prefork {

class ControlConnection final : private Caller {
 public:
  /// What may wait to be read by the client when more is to be sent.
  static constexpr std::size_t kMaxOutput = std::size_t{1} << 20;

  ControlConnection(const Loop& loop, Operations& operations, const EventHistory& history, Fd socket);
  ~ControlConnection() override = default;
  ControlConnection(const ControlConnection&) = delete;
  ControlConnection& operator=(const ControlConnection&) = delete;

  /// Wants events.
  [[nodiscard]] bool subscribed() const { return subscribed_ && !over(); }
  /// Sends an event's line.
  void tell(std::string_view line) { send(line); }
  /// Closed, by either side; to be destroyed, but not in a callback of its own.
  [[nodiscard]] bool over() const { return !socket_.valid(); }

 private:
  static constexpr std::size_t kBytesPerRead = 4096;

  // Caller
  std::uint64_t subscribe(std::optional<std::uint64_t> since) override;

  void on_readable();
  void handle_next();
  void handle(std::string_view line);
  void refuse_long_line();
  void send(std::string_view text);
  void flush();
  /// No request is read any more; closes when everything has been sent.
  void finish();
  void close();

  Operations& operations_;
  const EventHistory& history_;
  RequestLines input_;
  std::string output_;
  bool subscribed_ = false;
  bool finishing_ = false;
  std::optional<std::uint64_t> replay_since_;
  Fd socket_;
  ReadWatcher read_watcher_;
  WriteWatcher write_watcher_;
  TimerWatcher next_timer_;  ///< runs while input_ has a line
};

}  // namespace prefork
