#include "worker/connection.h"

#include <sys/socket.h>

#include <algorithm>
#include <utility>

#include "proto/record.h"
#include "worker/session.h"

namespace prefork::worker {

Connection::Connection(Session& session, Fd socket, const Record& record, std::vector<char> memo)
    : session_(&session),
      socket_(std::move(socket)),
      ticket_(record.ticket),
      flags_(record.flags),
      memo_(std::move(memo)),
      listener_(record.value),
      accepted_(std::chrono::nanoseconds(record.time_ns)),
      waited_(record.wait_us),
      last_sign_(std::chrono::steady_clock::now()) {}

Connection::Connection(Connection&& other) noexcept
    : session_(std::exchange(other.session_, nullptr)),
      socket_(std::move(other.socket_)),
      ticket_(other.ticket_),
      flags_(other.flags_),
      memo_(std::move(other.memo_)),
      listener_(other.listener_),
      accepted_(other.accepted_),
      waited_(other.waited_),
      last_sign_(other.last_sign_) {}

Connection& Connection::operator=(Connection&& other) noexcept {
  if (this == &other) return *this;
  finish();
  session_ = std::exchange(other.session_, nullptr);
  socket_ = std::move(other.socket_);
  ticket_ = other.ticket_;
  flags_ = other.flags_;
  memo_ = std::move(other.memo_);
  listener_ = other.listener_;
  accepted_ = other.accepted_;
  waited_ = other.waited_;
  last_sign_ = other.last_sign_;
  return *this;
}

Connection::~Connection() { finish(); }

void Connection::note(std::string_view text) {
  if (session_ != nullptr) session_->note(text);
}

void Connection::progress() {
  if (session_ != nullptr) (void)session_->send({.kind = RecordKind::kProgress, .ticket = ticket_});
}

bool Connection::leaving() {
  return session_ == nullptr || (flags_ & kLastRequest) != 0 || session_->leaving();
}

bool Connection::next_request(std::chrono::milliseconds time, std::string_view memo) {
  if (session_ == nullptr) return false;
  if (park_wanted()) return park(memo), false;
  if (!may_park()) return session_->await(socket_.get(), time, UntilWanted::kNo) && goes_on();
  if (session_->await(socket_.get(), std::min(time, kKeepFor), UntilWanted::kYes)) return goes_on();
  park(memo);
  return false;
}

bool Connection::must_end() {
  if (session_ == nullptr) return true;
  if (!give_sign()) return false;
  // leaving() also receives a Yield, which park_wanted() reads.
  return leaving() || park_wanted();
}

bool Connection::goes_on() {
  (void)give_sign();  // if it is too early now, the next request sends the Progress
  return true;
}

bool Connection::give_sign() {
  // The supervisor sees one busy period for all requests of a connection. Without Progress it would take many
  // short requests for one that hangs.
  const auto now = std::chrono::steady_clock::now();
  if (now - last_sign_ < kSignEvery) return false;
  progress();
  last_sign_ = now;
  return true;
}

bool Connection::copy_kept() const { return (flags_ & kCopyKept) != 0; }

bool Connection::proxied() const { return (flags_ & kProxied) != 0; }

bool Connection::may_park() const { return session_ != nullptr && (flags_ & kMayPark) != 0; }

bool Connection::park_wanted() const {
  return may_park() &&
         ((flags_ & kParkAtOnce) != 0 || session_->yielding() || session_->draining() || session_->left());
}

void Connection::park(std::string_view memo) {
  if (!may_park() || memo.size() > kMaxMemoLength) return finish();
  socket_.reset();  // not shut down: the supervisor's copy keeps the connection alive
  std::exchange(session_, nullptr)->parked(ticket_, memo);
}

void Connection::finish() {
  if (session_ == nullptr) return;
  // Fails when the client has closed the connection, or when the handler has shut the socket down.
  (void)::shutdown(socket_.get(), SHUT_WR);
  socket_.reset();
  std::exchange(session_, nullptr)->served(ticket_);
}

}  // namespace prefork::worker
