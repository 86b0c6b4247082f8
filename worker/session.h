// The worker's side of the native protocol (docs/protocol.md): receives connections, sends receipts, answers
// Ping. Knows no application protocol. serve() and Slots are built on it; programs use those. One thread.
#pragma once

#include <chrono>
#include <csignal>
#include <cstdint>
#include <functional>
#include <optional>
#include <string_view>

#include "proto/channel.h"
#include "proto/record.h"
#include "worker/connection.h"

namespace prefork::worker {

enum class Wait { kNo, kYes };
enum class UntilWanted { kNo, kYes };

class Session {
 public:
  /// Takes ownership of the worker's end of the channel. Call ready() next.
  explicit Session(Channel channel) : channel_(std::move(channel)) {}
  Session(const Session&) = delete;
  Session& operator=(const Session&) = delete;

  /// Sends Ready: this worker serves up to `slots` connections at a time, at least 1.
  void ready(unsigned slots);

  /// Has `willing` called before each Busy. False: the connection is refused, or if the call has used
  /// leave(), it goes back with all that this worker has not begun.
  void ask_before_busy(std::function<bool()> willing) { willing_ = std::move(willing); }

  /// The next connection, begun: its receipt has been sent. Nothing when there is none now (Wait::kNo), or
  /// when this worker has to leave or has left (then draining() or finished() is true). The Connection must
  /// not outlive the Session.
  [[nodiscard]] std::optional<Connection> next(Wait wait);

  /// No more connections come: Drain, the end of the channel, stop(), or out of descriptors.
  [[nodiscard]] bool draining() const { return draining_; }
  /// Sends Leave: this worker begins nothing more, and another takes its place. What is on its way to this
  /// worker goes to others; next() closes these sockets until the supervisor answers with Drain.
  void leave();
  [[nodiscard]] bool left() const { return left_; }
  /// This worker has to leave, or leaves, and has no connection in hand.
  [[nodiscard]] bool finished() const { return (draining_ || left_) && open_ == 0; }
  /// draining(), for a worker with a connection in hand. A worker of one slot does not call next() meanwhile,
  /// so this reads the channel; with several slots next() reads it anyway.
  [[nodiscard]] bool leaving();
  /// The supervisor has sent Yield: park connections that wait for a next request. True until a connection
  /// comes that may be kept.
  [[nodiscard]] bool yielding() const { return yielding_; }
  /// Waits up to `time` until `socket` is readable. With kYes it also returns when the supervisor wants the
  /// connection back or this worker has to leave. True: the socket is readable. For workers of one slot.
  [[nodiscard]] bool await(int socket, std::chrono::milliseconds time, UntilWanted until_wanted);
  /// Sends this worker's load, from 0 to 1000 thousandths of its capacity: among workers with equally many
  /// connections the supervisor prefers the one that reports the least.
  void report_load(unsigned thousandths);
  /// The number of connections that this worker has offered to serve at a time.
  [[nodiscard]] unsigned slots() const { return slots_; }
  /// The number of connections begun and neither finished nor parked.
  [[nodiscard]] unsigned open_connections() const { return open_; }
  /// The exit code for main(), once draining: 0, or 1 when the worker leaves after an error.
  [[nodiscard]] int exit_code() const { return exit_code_; }
  [[nodiscard]] int descriptor() const { return channel_.descriptor(); }

  /// Ends after the connections in hand. Safe in a signal handler: a blocked next() returns.
  void stop();

 private:
  friend class Connection;

  void receive(Wait wait);
  [[nodiscard]] std::optional<Message> next_message();
  [[nodiscard]] std::optional<Connection> obey(const Message& message);
  void fail(const char* why);
  [[nodiscard]] std::optional<Connection> begin(const Message& message);
  void refuse(const Record& record);
  /// Waits while the channel is full. False when the supervisor has ended.
  bool send(const Record& record, std::string_view text = {});
  void note(std::string_view text);
  void served(std::uint64_t ticket);
  void parked(std::uint64_t ticket, std::string_view memo);
  /// Whether to park a connection that this worker would otherwise keep.
  [[nodiscard]] bool wanted_back(bool has_request) const;
  enum class Heard { kNothing, kClient, kOther };
  /// Waits up to `time` for the client or the supervisor, and obeys the supervisor's records. kOther: a
  /// record of the supervisor or a signal.
  Heard listen(int socket, std::chrono::milliseconds time);
  /// Obeys the records that have come. For use while no slot is free: a Connection is refused.
  void catch_up();

  Channel channel_;
  Datagram datagram_;
  std::optional<DatagramReader> reader_;  ///< borrows datagram_
  std::function<bool()> willing_;
  unsigned slots_ = 0;
  unsigned open_ = 0;
  unsigned descriptors_lost_ = 0;  ///< connections in a row that came without their descriptor
  bool draining_ = false;
  bool left_ = false;
  bool yielding_ = false;
  int exit_code_ = 0;
  volatile std::sig_atomic_t stopped_ = 0;
};

}  // namespace prefork::worker
