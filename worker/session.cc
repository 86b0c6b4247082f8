#include "worker/session.h"

#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <climits>
#include <cstdio>
#include <new>
#include <utility>
#include <vector>

#include "proto/text_record.h"

namespace prefork::worker {
namespace {

/// A process that is out of descriptors does not recover by itself: after this many lost descriptors in a row
/// it leaves, and another worker takes its place.
constexpr unsigned kMaxDescriptorsLost = 3;

/// Nothing: there is no memory for it.
std::optional<std::vector<char>> copy_of(std::string_view text) {
  try {
    return std::vector<char>(text.begin(), text.end());
  } catch (const std::bad_alloc&) {
    return std::nullopt;
  }
}

}  // namespace

void Session::ready(unsigned slots) {
  slots_ = slots;
  (void)send({.kind = RecordKind::kReady, .value = kProtocolVersion, .ticket = slots});
}

std::optional<Connection> Session::next(Wait wait) {
  for (;;) {
    if (stopped_ != 0) leave();
    while (const std::optional<Message> message = next_message()) {
      if (auto connection = obey(*message)) return connection;
    }
    // After stop() the end of the channel comes at once.
    if (draining_ || (stopped_ == 0 && finished())) return std::nullopt;
    receive(wait);
    if (!reader_.has_value()) return std::nullopt;
  }
}

std::optional<Message> Session::next_message() {
  if (!reader_.has_value()) return std::nullopt;
  std::optional<Message> message = reader_->next();
  if (!message) {
    if (!reader_->malformed().empty()) fail(reader_->malformed().c_str());
    reader_.reset();
  }
  return message;
}

std::optional<Connection> Session::obey(const Message& message) {
  switch (message.record.kind) {
    case RecordKind::kConnection: return begin(message);
    case RecordKind::kPing: (void)send({.kind = RecordKind::kPong}); break;
    case RecordKind::kDrain: draining_ = true; break;
    case RecordKind::kYield: yielding_ = true; break;
    case RecordKind::kReady:
    case RecordKind::kBusy:
    case RecordKind::kRefused:
    case RecordKind::kIdle:
    case RecordKind::kPark:
    case RecordKind::kProgress:
    case RecordKind::kNote:
    case RecordKind::kPong:
    case RecordKind::kLoad:
    case RecordKind::kLeave:
    case RecordKind::kFork: fail("the supervisor sent a record that no worker expects"); break;
  }
  return std::nullopt;
}

void Session::receive(Wait wait) {
  const ReceiveStatus status =
      wait == Wait::kYes ? channel_.wait_and_receive(datagram_) : channel_.receive(datagram_);
  switch (status) {
    case ReceiveStatus::kDatagram: reader_.emplace(datagram_.bytes()); break;
    case ReceiveStatus::kEmpty:
    case ReceiveStatus::kNoResources: break;
    case ReceiveStatus::kEnd:
      if (stopped_ != 0) leave();  // it is stop() that has ended this direction
      draining_ = true;
      break;
    case ReceiveStatus::kZeroLength: fail("the supervisor sent a datagram of no bytes"); break;
    case ReceiveStatus::kTruncated: fail("the supervisor sent a datagram of more than 2048 bytes"); break;
  }
}

bool Session::leaving() {
  if (slots_ == 1) catch_up();
  return draining_ || left_ || (slots_ == 1 && stopped_ != 0);
}

void Session::catch_up() {
  do {
    // No slot is free: obeying a Connection refuses it.
    while (const std::optional<Message> message = next_message()) (void)obey(*message);
    if (!draining_) receive(Wait::kNo);
  } while (reader_.has_value());
}

bool Session::wanted_back(bool has_request) const {
  return yielding_ || (!has_request && (draining_ || left_ || stopped_ != 0));
}

bool Session::await(int socket, std::chrono::milliseconds time, UntilWanted until_wanted) {
  using Clock = std::chrono::steady_clock;
  const Clock::time_point deadline = Clock::now() + time;
  for (;;) {
    const Heard heard = listen(socket, std::chrono::ceil<std::chrono::milliseconds>(deadline - Clock::now()));
    if (until_wanted == UntilWanted::kYes && wanted_back(heard == Heard::kClient)) return false;
    if (heard != Heard::kOther) return heard == Heard::kClient;
  }
}

Session::Heard Session::listen(int socket, std::chrono::milliseconds time) {
  const bool to_both = slots_ == 1 && !draining_;
  pollfd fds[] = {{.fd = socket, .events = POLLIN, .revents = 0},
                  {.fd = to_both ? channel_.descriptor() : -1, .events = POLLIN, .revents = 0}};
  const int ready = ::poll(fds, 2, static_cast<int>(std::clamp<long>(time.count(), 0, INT_MAX)));
  if (ready < 0) return errno == EINTR ? Heard::kOther : Heard::kNothing;
  // The supervisor first: a client that is always quicker must not keep a worker that other connections need.
  if (fds[1].revents != 0) catch_up();
  if (fds[0].revents != 0) return Heard::kClient;
  return ready == 0 ? Heard::kNothing : Heard::kOther;
}

std::optional<Connection> Session::begin(const Message& message) {
  const Record& record = message.record;
  Fd socket = datagram_.take_descriptor();
  if (stopped_ != 0) leave();
  if (left_) return std::nullopt;  // another worker has it: the socket is closed, and nothing is said of it
  if (draining_ || open_ == slots_) {
    // Not begun: the supervisor dispatches it to another worker.
    refuse(record);
    return std::nullopt;
  }
  if (!socket.valid()) {
    refuse(record);
    if (++descriptors_lost_ == kMaxDescriptorsLost) {
      leave();
      fail("several connections came without their descriptor: this process is out of descriptors");
    }
    return std::nullopt;
  }
  descriptors_lost_ = 0;
  // From the receipt on nothing may fail: the connection could not be given back any more.
  std::optional<std::vector<char>> memo = copy_of(message.text);
  if (!memo || (willing_ && !willing_())) {
    if (!left_) refuse(record);
    return std::nullopt;
  }
  // A connection that may be kept after its answer tells that no connection waits any more.
  if ((record.flags & kMayPark) != 0 && (record.flags & kParkAtOnce) == 0) yielding_ = false;
  // Without its receipt the supervisor takes the connection for not begun, so this worker must not touch it.
  if (!send({.kind = RecordKind::kBusy, .ticket = record.ticket})) return std::nullopt;
  ++open_;
  return Connection(*this, std::move(socket), record, std::move(*memo));
}

void Session::refuse(const Record& record) {
  (void)send({.kind = RecordKind::kRefused, .ticket = record.ticket});
}

void Session::leave() {
  if (draining_ || std::exchange(left_, true)) return;
  (void)send({.kind = RecordKind::kLeave});
}

void Session::served(std::uint64_t ticket) {
  if (stopped_ != 0) leave();  // before its slot is free
  --open_;
  (void)send({.kind = RecordKind::kIdle, .ticket = ticket});
}

void Session::parked(std::uint64_t ticket, std::string_view memo) {
  if (stopped_ != 0) leave();
  --open_;
  (void)send({.kind = RecordKind::kPark, .ticket = ticket}, memo);
}

void Session::report_load(unsigned thousandths) {
  (void)send({.kind = RecordKind::kLoad, .value = thousandths});
}

void Session::note(std::string_view text) {
  // An empty note has no form on the wire. A note that finds the channel full is dropped: it is not worth a
  // wait.
  if (!text.empty()) (void)channel_.send(encode_note(text));
}

bool Session::send(const Record& record, std::string_view text) {
  for (;;) {
    switch (text.empty() ? channel_.send(record) : channel_.send(TextRecord(record, text).bytes())) {
      case SendStatus::kSent: return true;
      case SendStatus::kFull: {
        // Hundreds of records are unread: the supervisor is behind. It never waits for a worker, so this wait
        // ends.
        pollfd writable{.fd = channel_.descriptor(), .events = POLLOUT, .revents = 0};
        (void)::poll(&writable, 1, -1);
        break;
      }
      case SendStatus::kNoResources: (void)::poll(nullptr, 0, 1); break;
      case SendStatus::kGone:
      case SendStatus::kInvalid: draining_ = true; return false;
    }
  }
}

void Session::fail(const char* why) {
  (void)std::fprintf(stderr, "worker %d leaves: %s\n", static_cast<int>(::getpid()), why);
  draining_ = true;
  exit_code_ = 1;
}

void Session::stop() {
  stopped_ = 1;
  // Without this a signal just before the wait would have no effect until the next connection.
  (void)::shutdown(channel_.descriptor(), SHUT_RD);
}

}  // namespace prefork::worker
