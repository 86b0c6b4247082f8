// One connection that this worker has begun. Owns the socket. The destructor (or finish()) sends the client
// an end of file, closes the socket and tells the supervisor that the slot is free. park() gives the
// connection back instead: the client notices nothing, and its next request goes to the worker that is least
// busy then. Must not outlive its Session or Slots. All calls come from the thread of the Session.
#pragma once

#include <chrono>
#include <cstdint>
#include <string_view>
#include <vector>

#include "../proto/export.h"
#include "../proto/fd.h"

namespace prefork {
struct Record;
}

namespace prefork::worker {

class Session;

class PREFORK_API Connection {
 public:
  Connection(Session& session, Fd socket, const Record& record, std::vector<char> memo);
  Connection(Connection&& other) noexcept;
  Connection& operator=(Connection&& other) noexcept;
  Connection(const Connection&) = delete;
  Connection& operator=(const Connection&) = delete;
  ~Connection();

  /// The client's socket, blocking, as the supervisor accepted it. The Connection keeps ownership: only
  /// finish() closes it. A program that watches it with epoll must remove it (EPOLL_CTL_DEL) before: the
  /// supervisor may hold a copy, and then closing this descriptor does not end the watch.
  [[nodiscard]] int socket() const { return socket_.get(); }
  /// The supervisor's number for this connection; never used twice.
  [[nodiscard]] std::uint64_t ticket() const { return ticket_; }
  /// The index, from 0, of the pool's `listen` address that accepted it.
  [[nodiscard]] unsigned listener() const { return listener_; }
  /// When the supervisor accepted it. On Linux steady_clock is CLOCK_MONOTONIC, the same in every process.
  [[nodiscard]] std::chrono::steady_clock::time_point accepted() const { return accepted_; }
  /// How long it waited for a worker; at most 71 minutes are counted.
  [[nodiscard]] std::chrono::microseconds waited() const { return waited_; }

  /// What the worker that parked this connection last has left for this one; empty when it left nothing.
  /// Valid as long as this object, and after a move as long as the new one.
  [[nodiscard]] std::string_view memo() const { return {memo_.data(), memo_.size()}; }
  /// The supervisor keeps a copy of the socket until this worker is done with it.
  [[nodiscard]] bool copy_kept() const;
  /// A header of the PROXY protocol comes first (worker/proxy_header.h). False once a worker has parked it.
  [[nodiscard]] bool proxied() const;

  /// Sends a text for the supervisor's status: what this worker is doing; any bytes, at most 224 of them. An
  /// empty note is not sent, and a note is dropped when the channel is full.
  void note(std::string_view text);
  /// Tells the supervisor that work on this connection goes on: `busy_timeout` starts again.
  void progress();

  /// True: this worker has to leave, because of Drain or SIGTERM, or because the supervisor has ended or is
  /// about to end. A handler that serves many requests of one client calls this between two of them, and
  /// returns when it is true. Costs a system call when the worker has one slot.
  [[nodiscard]] bool leaving();

  /// Waits up to `time` for the client's next request. Call it only when every request that was read is
  /// answered and no later bytes are in a buffer. True: the socket is readable (an end of file counts).
  /// False: the connection is parked or the time is up; return from the handler.
  ///
  /// Sends Progress now and then for further requests, so that `busy_timeout` limits one request, not the
  /// stay of a client.
  ///
  /// In a pool that parks (`keep_alive`) the worker keeps the connection for kKeepFor at most, and only while
  /// no other connection needs the worker: a client that sends its next request at once causes no cost. In a
  /// pool that does not park, the call waits even when this worker has to leave: see leaving(). For workers
  /// of one slot.
  ///
  /// `memo`: as for park().
  [[nodiscard]] bool next_request(std::chrono::milliseconds time, std::string_view memo = {});
  static constexpr std::chrono::milliseconds kKeepFor{10};

  /// In place of next_request(), for a handler that has answered a request and still has bytes of the client
  /// in its buffer: exchanges messages with the supervisor every kSignEvery. True: other connections wait, or
  /// this worker has to leave. The connection cannot be parked; make this answer the last one and return.
  [[nodiscard]] bool must_end();

  /// Whether the supervisor takes this connection back between two requests.
  [[nodiscard]] bool may_park() const;
  /// Whether to park as soon as the request is answered, because other connections wait. Programs with
  /// several slots check it after each answer, and again when next() has returned nothing.
  [[nodiscard]] bool park_wanted() const;
  /// Gives the connection back until the client sends more. Conditions: may_park(), every request that was
  /// read is answered, no later bytes are in a buffer, and no epoll watches the socket. Socket options that
  /// this worker has set stay set for the next worker. Without may_park() it does what finish() does.
  ///
  /// `memo`: any bytes for the worker that gets the next request, in place of the memo that there was; at
  /// most 224. A longer one cannot be carried: then it does what finish() does, too.
  void park(std::string_view memo = {});

  /// shutdown(SHUT_WR), close, Idle. shutdown() comes first because close() alone does not end the connection
  /// for the client while the supervisor holds a copy of the socket. A second call does nothing.
  void finish();

 private:
  static constexpr std::chrono::milliseconds kSignEvery{100};
  /// Another request of the same client: sends Progress if it is due. Always true.
  bool goes_on();
  /// Sends Progress if the last one was kSignEvery ago or earlier; whether it was.
  bool give_sign();

  Session* session_;
  Fd socket_;
  std::uint64_t ticket_;
  std::uint16_t flags_;
  std::vector<char> memo_;  ///< not a string: its bytes stay where they are when it is moved
  unsigned listener_;
  std::chrono::steady_clock::time_point accepted_;
  std::chrono::microseconds waited_;
  std::chrono::steady_clock::time_point last_sign_;  ///< the last Progress, or the start
};

}  // namespace prefork::worker
