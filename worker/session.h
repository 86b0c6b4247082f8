// A worker's side of the native protocol (docs/protocol.md): receives connections, sends receipts, answers
// Ping. Shared by both forms of the library, serve() and Slots; workers use those. Knows no application
// protocol.
#pragma once

#include <chrono>
#include <csignal>
#include <cstdint>
#include <optional>

#include "proto/channel.h"
#include "worker/connection.h"

namespace prefork::worker {

enum class Wait { kNo, kYes };
enum class UntilWanted { kNo, kYes };

class Session {
 public:
  /// Takes over the worker's end of the channel. `ready()` must follow.
  explicit Session(Channel channel) : channel_(std::move(channel)) {}
  Session(const Session&) = delete;
  Session& operator=(const Session&) = delete;

  /// Sends Ready: this worker serves up to `slots` connections at a time.
  void ready(unsigned slots);

  /// The next connection, begun: its receipt has been sent. Nothing when there is none now (Wait::kNo) or
  /// when the worker is to leave (then draining()).
  [[nodiscard]] std::optional<Connection> next(Wait wait);

  /// No connection comes any more: Drain, the end of the channel, stop(), or no descriptor numbers are left.
  [[nodiscard]] bool draining() const { return draining_; }
  /// draining(), asked with a connection in hand. A worker of one slot does not call next() meanwhile, so
  /// this looks what the supervisor has said; with several slots next() is told in any case.
  [[nodiscard]] bool leaving();
  /// The supervisor has asked for what is kept for a next request. Holds until a connection comes that need
  /// not be parked at once.
  [[nodiscard]] bool yielding() const { return yielding_; }
  /// Waits up to `time` for something to read at `socket`, with kYes only until the supervisor wants the
  /// connection back or this worker to leave. True: there is something to read. For workers of one slot.
  [[nodiscard]] bool await(int socket, std::chrono::milliseconds time, UntilWanted until_wanted);
  /// How loaded this worker is, in thousandths of what it can bear: among workers with equally many
  /// connections the supervisor prefers the one that reports the least.
  void report_load(unsigned thousandths);
  /// Connections begun and not finished.
  [[nodiscard]] unsigned open_connections() const { return open_; }
  /// What main() should return once draining: 0, or 1 when the worker leaves because something is wrong.
  [[nodiscard]] int exit_code() const { return exit_code_; }
  [[nodiscard]] int descriptor() const { return channel_.descriptor(); }

  /// Leave after the connections in hand. Safe in a signal handler: a blocked next() returns.
  void stop();

 private:
  friend class Connection;

  void receive(Wait wait);
  [[nodiscard]] std::optional<Message> next_message();
  [[nodiscard]] std::optional<Connection> obey(const Record& record);
  void leave(int exit_code, const char* why);
  [[nodiscard]] std::optional<Connection> begin(const Record& record);
  void refuse(const Record& record);
  /// False when the supervisor is gone.
  bool send(const Record& record);
  void note(std::string_view text);
  void finished(std::uint64_t ticket);
  void parked(std::uint64_t ticket);
  /// Whether a connection is to be parked now that its worker would keep.
  [[nodiscard]] bool wanted_back(bool has_request) const;
  enum class Heard { kNobody, kClient, kOther };
  /// Waits up to `time` for the client and the supervisor, whom it obeys; kOther: not the client, or a
  /// signal.
  Heard listen(int socket, std::chrono::milliseconds time);
  /// Obeys what has come, while no slot is free: a Connection is refused.
  void catch_up();

  Channel channel_;
  Datagram datagram_;
  std::optional<DatagramReader> reader_;  ///< borrows datagram_
  unsigned slots_ = 0;
  unsigned open_ = 0;
  unsigned descriptors_lost_ = 0;  ///< connections in a row that came without their descriptor
  bool draining_ = false;
  bool yielding_ = false;
  int exit_code_ = 0;
  volatile std::sig_atomic_t stopped_ = 0;
};

}  // namespace prefork::worker
