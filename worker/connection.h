// One connection that this worker has begun. Owns the socket. When it is destroyed (or finish() is called)
// the client gets its end of file, the socket is closed, and the supervisor is told that the slot is free.
// When it is parked instead, the client notices nothing, and its next request goes to whoever is least busy
// then.
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

  /// Whether this worker is to leave: Drain, SIGTERM, or the supervisor is gone or about to go. A handler
  /// that keeps a client for many requests asks between two of them, and ends. Costs a system call when the
  /// worker has one slot.
  [[nodiscard]] bool leaving();

  /// Waits up to `time` for the client's next request, when all that was read has been answered and nothing
  /// that came after it is in a buffer. True: there is something to read (an end of file is something).
  /// False: return from the handler: the connection has been parked, or the time is up.
  ///
  /// The supervisor is told of further requests now and then (Progress), so that `busy_timeout` means one
  /// that takes too long, not a client that stays.
  ///
  /// Where the pool parks (`keep_alive`), the worker keeps the connection for kKeepFor only while nobody else
  /// needs it: a client that asks again at once costs nobody anything. Where it does not, a client that may
  /// ask is waited for even when this worker is to leave: see leaving(). For workers of one slot.
  [[nodiscard]] bool next_request(std::chrono::milliseconds time);
  static constexpr std::chrono::milliseconds kKeepFor{10};

  /// For a handler that has answered a request and has more of the client's bytes in its buffer, so that it
  /// does not come to next_request(): tells and hears the supervisor in its stead, every kSignEvery. True:
  /// others wait, or this worker is to leave. It cannot be parked; let this answer be the last one, and end.
  [[nodiscard]] bool overstays();

  /// Whether the supervisor takes the connection back between two requests.
  [[nodiscard]] bool may_park() const;
  /// Whether it should be parked as soon as it has been answered: others wait. Programs with several slots
  /// ask when they have answered, and again when next() has returned nothing.
  [[nodiscard]] bool park_wanted() const;
  /// Gives the connection back until the client says more. Only when may_park(), all that was read has been
  /// answered, nothing that came after it is in a buffer, and the socket is in no epoll any more. What the
  /// worker has set on the socket stays for the next one.
  void park();

  /// shutdown(SHUT_WR), close, Idle. shutdown() first, because while the supervisor holds a copy of the
  /// socket, close() alone ends nothing for the client. Does nothing the second time.
  void finish();

 private:
  static constexpr std::chrono::milliseconds kSignEvery{100};
  /// Another request: tells the supervisor now and then. True.
  bool goes_on();
  /// Sends Progress if the last sign is kSignEvery ago; whether it was.
  bool give_sign();

  Session* session_;
  Fd socket_;
  std::uint64_t ticket_;
  std::uint16_t flags_;
  unsigned listener_;
  std::chrono::steady_clock::time_point accepted_;
  std::chrono::microseconds waited_;
  std::chrono::steady_clock::time_point last_sign_;  ///< when the supervisor last heard of it
};

}  // namespace prefork::worker
