// The worker library for programs with an event loop of their own that serve several connections at a time:
//
//   auto [slots, exit_code] = prefork::worker::Slots::open(64);
//   if (!slots) return exit_code;
//   watch slots->descriptor() for readability; when it is readable:
//     while (auto connection = slots->next()) …          // watch connection->socket(), keep the Connection
//     if (slots->draining()) stop watching slots->descriptor()
//   when a connection is done: take its socket out of the event loop, then destroy the Connection
//   leave the loop when slots->finished()
//
// No call blocks, with one exception: while the supervisor is hundreds of records behind, finishing a
// connection waits until the supervisor reads. Programs that serve one connection at a time use
// worker/serve.h.
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <utility>

#include "../proto/export.h"
#include "connection.h"

namespace prefork::worker {

class Session;

class PREFORK_API Slots {
 public:
  Slots(Slots&& other) noexcept;
  Slots& operator=(Slots&& other) noexcept;
  Slots(const Slots&) = delete;
  Slots& operator=(const Slots&) = delete;
  ~Slots();

  /// Takes the channel that the supervisor has given to this process, calls `start` (see ServeOptions), and
  /// says that it is ready for min(`limit`, `connections_per_worker`) connections at a time, at least 1.
  /// Ignores SIGPIPE. Without Slots the second value is the exit code for main(): 2 without a channel, 1
  /// after an exception of `start`; stderr says why.
  ///
  /// Under `start: fork` the call runs the template and returns many times: once in each worker that it
  /// forks, and at the end in the template, without Slots and with 0. All workers share the memory that was
  /// loaded before the call. Threads do not survive the fork, so the program must not have started any.
  [[nodiscard]] static std::pair<std::optional<Slots>, int> open(unsigned limit,
                                                                 const std::function<void()>& start = {});

  /// The channel's descriptor, which stays owned by the Slots: readable when next() may return a connection.
  [[nodiscard]] int descriptor() const;
  /// The next connection, whose receipt has just been sent; nothing when there is none now. Must be called
  /// until it returns nothing. The caller owns the Connection and must destroy it before the Slots.
  [[nodiscard]] std::optional<Connection> next();
  /// Reports this worker's load, from 0 to 1000 thousandths of its capacity: among workers with equally many
  /// connections the supervisor prefers the one that reports the least. Call it when the load has changed.
  void report_load(unsigned thousandths);
  /// No more connections come. From now on descriptor() may be readable for ever: stop watching it.
  [[nodiscard]] bool draining() const;
  /// Leaves by this program's own decision: next() returns nothing more, connections that were not begun go
  /// to other workers, and another worker is started in its place. Go on calling next() when descriptor() is
  /// readable, until draining(); exit when finished(). Not for signal handlers.
  void leave();
  /// Draining, or left, and the last connection is finished.
  [[nodiscard]] bool finished() const;
  /// The exit code for main(), once finished: 0, or 1 after an error, which stderr explains.
  [[nodiscard]] int exit_code() const;
  /// Call it when the program is asked to leave (SIGTERM): descriptor() becomes readable, next() returns
  /// nothing more, and connections that were not begun go to another worker. Safe in a signal handler.
  void stop();

 private:
  explicit Slots(std::unique_ptr<Session> session);

  std::unique_ptr<Session> session_;
};

}  // namespace prefork::worker
