// What is spoken on a worker's channel: how a connection and the supervisor's wishes are sent, and what the
// worker's bytes mean. Each dialect tells the same events, so that all else is the same for all of them. A
// WorkerProcess owns one; a dialect allocates nothing for a connection.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>

#include "proto/channel.h"
#include "proto/record.h"
#include "supervisor/core/action.h"
#include "supervisor/core/event.h"
#include "supervisor/core/ids.h"
#include "supervisor/state/worker_state.h"
#include "supervisor/workers/unread_datagrams.h"

namespace prefork {

/// The flags of a Connection in the worker protocol.
[[nodiscard]] inline std::uint16_t connection_flags(const action::Dispatch& dispatch) {
  return static_cast<std::uint16_t>(
      (dispatch.may_park ? kMayPark : 0) | (dispatch.park_at_once ? kParkAtOnce : 0) |
      (dispatch.last ? kLastRequest : 0) | (dispatch.copy_kept ? kCopyKept : 0) |
      (dispatch.proxied ? kProxied : 0) | (dispatch.late_receipt ? kLateReceipt : 0));
}

class Dialect {
 public:
  /// The owner: is told what the worker has said.
  class Listener {
   public:
    virtual ~Listener() = default;
    virtual void tell(const Event& event) = 0;
    /// The worker has sent `what`, which no worker may send.
    virtual void violated(const std::string& what) = 0;
    virtual void noted(std::string note) = 0;  ///< what the worker is doing; printable
  };
  /// Whose dialect it is. All of this outlives it.
  struct Worker {
    WorkerId id;
    Channel& channel;
    const UnreadDatagrams& unread;
    Listener& listener;
  };

  explicit Dialect(const Worker& worker) : worker_(worker) {}
  virtual ~Dialect() = default;
  Dialect(const Dialect&) = delete;
  Dialect& operator=(const Dialect&) = delete;

  /// The worker exists: its process runs, or is about to run its program.
  virtual void begin() = 0;
  /// Sends the connection; the caller keeps `socket`.
  [[nodiscard]] virtual SendStatus send(const action::Dispatch& dispatch, const Fd& socket) = 0;
  /// Asks for an event::WorkerPong.
  [[nodiscard]] virtual SendStatus ping() = 0;
  /// Asks it to park what it keeps. It may not be heard.
  virtual void yield() = 0;
  /// Asks a template to fork a worker whose channel is `channel`.
  [[nodiscard]] virtual SendStatus fork(const Fd& channel) = 0;
  /// Tells it to finish its connections and leave. It may not be heard.
  virtual void drain() = 0;

  /// Takes what has been received. `introduces`: it is the first of a worker that a template has forked, and
  /// carries the credentials of its sender.
  virtual void hear(std::span<const std::byte> bytes, bool introduces) = 0;

  /// Each worker says something before it is given anything: silence may mean that it speaks something else.
  [[nodiscard]] virtual bool speaks_first() const = 0;
  /// At its end: the kernel says that it has received none of the connections that it holds.
  [[nodiscard]] virtual bool received_none() const = 0;
  /// For an upgrade in place.
  [[nodiscard]] virtual DialectState state() const = 0;

 protected:
  [[nodiscard]] const Worker& worker() const { return worker_; }
  void tell(const Event& event) const { worker_.listener.tell(event); }

 private:
  Worker worker_;
};

}  // namespace prefork
