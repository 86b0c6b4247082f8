// One connection that this worker has begun. Owns the socket. When it is destroyed (or finish() is called)
// the client gets its end of file, the socket is closed, and the supervisor is told that the slot is free.
#pragma once

#include <chrono>
#include <cstdint>
#include <string_view>

#include "proto/fd.h"
#include "proto/record.h"

namespace prefork::worker {

class Session;

class Connection {
 public:
  Connection(Session& session, Fd socket, const Record& record);
  Connection(Connection&& other) noexcept;
  Connection& operator=(Connection&& other) noexcept;
  Connection(const Connection&) = delete;
  Connection& operator=(const Connection&) = delete;
  ~Connection() { finish(); }

  /// The client's socket, blocking as the supervisor accepted it. Not to be closed: finish() does that. Who
  /// watches it with epoll must remove it (EPOLL_CTL_DEL) before: the supervisor may hold a copy, and then
  /// closing the descriptor here does not end the watch.
  [[nodiscard]] int socket() const { return socket_.get(); }
  /// The supervisor's number for this connection; never used twice.
  [[nodiscard]] std::uint64_t ticket() const { return ticket_; }
  /// Which of the pool's `listen` addresses it came in on, from 0.
  [[nodiscard]] unsigned listener() const { return listener_; }
  /// When the supervisor accepted it. On Linux steady_clock is CLOCK_MONOTONIC, the same in every process.
  [[nodiscard]] std::chrono::steady_clock::time_point accepted() const { return accepted_; }
  /// How long it waited for a worker.
  [[nodiscard]] std::chrono::microseconds waited() const { return waited_; }

  /// Tells the supervisor what this worker is doing, for its status. At most kMaxNoteLength bytes; the rest
  /// is cut.
  void note(std::string_view text);
  /// Tells the supervisor that work on this connection still goes on.
  void progress();

  /// Whether this worker is to leave: Drain, SIGTERM, or the supervisor is gone. A handler that keeps a
  /// client for many requests asks between two of them, and ends. Costs a system call when the worker has one
  /// slot.
  [[nodiscard]] bool leaving();

  /// shutdown(SHUT_WR), close, Idle. shutdown() first, because while the supervisor holds a copy of the
  /// socket, close() alone ends nothing for the client. Does nothing the second time.
  void finish();

 private:
  Session* session_;
  Fd socket_;
  std::uint64_t ticket_;
  unsigned listener_;
  std::chrono::steady_clock::time_point accepted_;
  std::chrono::microseconds waited_;
};

}  // namespace prefork::worker
