#include "supervisor/workers/classic_dialect.h"

#include <algorithm>
#include <cstring>
#include <string>
#include <utility>

namespace prefork {

ClassicDialect::ClassicDialect(const Worker& worker, const DialectState& state)
    : Dialect(worker),
      idle_value_(state.idle_value),
      ticket_(state.ticket),
      size_(state.size % sizeof(int_)),
      int_(state.begun),
      left_unread_(state.left_unread),
      broken_(state.broken) {}

void ClassicDialect::begin() { tell(event::WorkerReady{worker().id, 1}); }

SendStatus ClassicDialect::send(const action::Dispatch& dispatch, const Fd& socket) {
  constexpr std::byte kByte{};
  const SendStatus status = worker().channel.send(std::span(&kByte, 1), socket);
  if (status == SendStatus::kSent) {
    ticket_ = dispatch.ticket;
    tell(event::WorkerBusy{worker().id, ticket_});
  } else if (status == SendStatus::kFull) {
    // There is room for several, and it has one connection at a time.
    break_off("ints for connections that it has not received");
  }
  return status;
}

SendStatus ClassicDialect::ping() {
  // It has no way to answer, and the configuration no ping_interval with this protocol.
  tell(event::WorkerPong{worker().id});
  return SendStatus::kSent;
}

void ClassicDialect::hear(std::span<const std::byte> bytes, bool introduces) {
  // The first byte of a forked worker only carries the sender's credentials.
  if (introduces && !bytes.empty()) bytes = bytes.subspan(1);
  bool done = false;
  while (!bytes.empty() && !broken_) {
    // When one connection is done it may be given the next at once, but it has sent these bytes before.
    if (done || !ticket_) return break_off("an int though it has no connection");
    const std::size_t part = std::min(bytes.size(), sizeof(int_) - size_);
    std::memcpy(reinterpret_cast<char*>(&int_) + size_, bytes.data(), part);
    bytes = bytes.subspan(part);
    size_ = static_cast<std::uint32_t>((size_ + part) % sizeof(int_));
    if (size_ == 0) done = take(int_);
  }
}

bool ClassicDialect::take(std::int32_t value) {
  if (idle_value_ && value != *idle_value_) {
    tell(event::WorkerProgress{worker().id, ticket_});
    return false;
  }
  if (done_++ % UnreadDatagrams::kCheckEach == 0 && UnreadDatagrams::any(worker().channel)) {
    break_off("the int " + std::to_string(value) + " for a connection that is unread in its channel");
  } else {
    tell(event::WorkerIdle{worker().id, std::exchange(ticket_, Ticket{})});
  }
  return true;
}

void ClassicDialect::break_off(const std::string& what) {
  broken_ = true;
  worker().listener.violated(what);
}

bool ClassicDialect::received_none() const {
  if (!ticket_) return false;
  return left_unread_ || worker().channel.left_unread() || UnreadDatagrams::any(worker().channel);
}

DialectState ClassicDialect::state() const {
  return {.wire = Wire::kClassic,
          .idle_value = idle_value_,
          .ticket = ticket_,
          .size = size_,
          .begun = int_,
          .left_unread = left_unread_ || worker().channel.left_unread(),
          .broken = broken_};
}

}  // namespace prefork
