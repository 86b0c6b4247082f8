// The calls by which a program takes and ends its connections, and what the supervisor is told of them.
#include <fcntl.h>
#include <linux/close_range.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstdio>
#include <span>
#include <utility>

#include "worker/notify/notifier.h"

namespace prefork::notify {
namespace {

constexpr std::size_t kMostWaiting = 4096;
constexpr std::size_t kMostInterrupted = 64;

pid_t thread_in(const Call& call) { return static_cast<pid_t>(call.pid); }

int flags_in(const Call& call) {
  return call.data.nr == SYS_accept4 ? static_cast<int>(call.data.args[3]) : 0;
}

/// Writes the client's address where accept() wants it, in the family of the listener.
void give_client(const Call& call, int socket, int family) {
  if (call.data.args[1] == 0) return;
  sockaddr_storage storage{};
  socklen_t size = sizeof(storage);
  (void)::getpeername(socket, reinterpret_cast<sockaddr*>(&storage), &size);
  accept::Address client(reinterpret_cast<const sockaddr*>(&storage), size);
  accept::as_family(client, family);
  give_value(thread_in(call), &client.any, client.length, call.data.args[1], call.data.args[2]);
}

/// The flags that the program wants. False: that cannot be done any more.
bool set_blocking(int socket, bool blocking, const Calls& calls, const Call& call) {
  const int flags = ::fcntl(socket, F_GETFL);
  const int wanted = blocking ? flags & ~O_NONBLOCK : flags | O_NONBLOCK;
  if (wanted == flags) return true;
  // The program was alive when the receipt was sent: so the receipt counts, and no other worker has the
  // socket.
  return calls.waits(call) && ::fcntl(socket, F_SETFL, wanted) == 0;
}

}  // namespace

void Notifier::tell(RecordKind kind, std::uint64_t ticket, std::uint32_t value) {
  const Record record{.kind = kind, .flags = 0, .value = value, .ticket = ticket};
  SendStatus status = channel_.send(record);
  while (status == SendStatus::kFull || status == SendStatus::kNoResources) {
    pollfd writable{.fd = channel_.descriptor(), .events = POLLOUT, .revents = 0};
    (void)::poll(&writable, 1, status == SendStatus::kFull ? -1 : 10);
    status = channel_.send(record);
  }
}

void Notifier::answer_accept(const Call& call, const BoundListener* bound) {
  if (bound == nullptr) return (void)calls_.let_pass(call);
  ++accept_calls_;
  if (!ready_) {
    if (!program_.may_have(numbers_.range().last())) give_up();
    ready_ = true;
    const auto slots = std::min(settings_.slots, numbers_.range().count);
    tell(RecordKind::kReady, slots, kProtocolVersion);
  }
  if (hand_out(call, *bound)) return;
  if (!bound->listener->is_blocking()) return calls_.fail(call, EAGAIN);
  // After its signal the program may want to look whether it shall end.
  if (drain_.signalled() && interrupted_++ < kMostInterrupted) return calls_.fail(call, EINTR);
  std::erase_if(waiting_, [&](const Call& old) { return old.pid == call.pid; });
  if (waiting_.size() == kMostWaiting) return calls_.fail(call, EAGAIN);
  waiting_.push_back(call);
}

void Notifier::give_up() const {
  (void)std::fprintf(
      stderr,
      "accept-notify: the program has lowered its limit of descriptors (RLIMIT_NOFILE), and its "
      "connections would have numbers up to %u: start it with the lower limit (limits.nofile)\n",
      numbers_.range().last());
  ::_exit(1);  // the channel ends, and so the worker
}

void Notifier::serve_waiting() {
  const Listener* empty = nullptr;
  for (std::size_t i = 0; i < waiting_.size();) {
    const Call call = waiting_[i];
    const BoundListener* bound = listeners_.find(static_cast<std::uint32_t>(call.data.args[0]));
    if (bound == nullptr) calls_.fail(call, EINVAL);
    if (bound != nullptr && bound->listener == empty) {
      ++i;
    } else if (bound == nullptr || !calls_.waits(call) || hand_out(call, *bound)) {
      waiting_.erase(waiting_.begin() + static_cast<std::ptrdiff_t>(i));
    } else {
      empty = bound->listener;
      ++i;
    }
  }
  // The channel of a program that has left is still heard: it says when to end.
  if (left_) hear();
}

bool Notifier::hand_out(const Call& call, const BoundListener& bound) {
  Connection connection = take(*bound.listener);
  if (!connection.socket.valid()) return false;
  hand_over(call, bound, std::move(connection));
  return true;
}

Connection Notifier::take(Listener& listener) {
  Connection found = listener.take_kept();
  while (!found.socket.valid() && !channel_ended_) {
    switch (channel_.receive(datagram_)) {
      case ReceiveStatus::kDatagram: found = sort_in(datagram_, &listener); break;
      case ReceiveStatus::kEmpty: return found;
      case ReceiveStatus::kEnd: end_channel(); return found;
      case ReceiveStatus::kNoResources: return found;
      case ReceiveStatus::kZeroLength:
      case ReceiveStatus::kTruncated: break;
    }
  }
  return found;
}

void Notifier::obey(RecordKind kind) {
  if (kind == RecordKind::kPing) tell(RecordKind::kPong);
  // A program that has left ends by itself; a signal would make that a crash.
  if (kind == RecordKind::kDrain && !left_) drain_.begin(connections());
}

Connection Notifier::sort_in(Datagram& datagram, Listener* listener) {
  Connection wanted;
  DatagramReader reader(datagram.bytes());
  while (const auto message = reader.next()) {
    const Record& record = message->record;
    if (record.kind != RecordKind::kConnection) {
      obey(record.kind);
      continue;
    }
    Connection next{datagram.take_descriptor(), record.ticket, false};
    if (left_) continue;  // the supervisor has given it to another worker already
    Listener* own = listeners_.with_index(record.value);
    if (!next.socket.valid() || own == nullptr) {
      tell(RecordKind::kRefused, record.ticket);
    } else if (own == listener && !wanted.socket.valid()) {
      wanted = std::move(next);
    } else {
      own->keep(std::move(next));
    }
  }
  return wanted;
}

void Notifier::hand_over(const Call& call, const BoundListener& bound, Connection connection) {
  const pid_t owner = process_of(thread_in(call), program_.pid());
  const auto number = free_number(owner);
  if (!number && !connection.begun) {
    tell(RecordKind::kRefused, connection.ticket);
    return calls_.fail(call, bound.listener->is_blocking() ? ECONNABORTED : EAGAIN);
  }
  if (!connection.begun) tell(RecordKind::kBusy, connection.ticket);
  connection.begun = true;
  const int flags = flags_in(call);
  if (owner == 0 || !set_blocking(connection.socket.get(), (flags & SOCK_NONBLOCK) == 0, calls_, call)) {
    return bound.listener->keep(std::move(connection));
  }
  give_client(call, connection.socket.get(), bound.address.family());
  if (number &&
      calls_.return_descriptor(call, connection.socket.get(), *number, (flags & SOCK_CLOEXEC) != 0)) {
    numbers_.take(*number, connection.ticket, owner);
    if (owner != program_.pid()) watch(owner);
    return;
  }
  // A signal has ended the call: the program calls again.
  if (!calls_.waits(call)) return bound.listener->keep(std::move(connection));
  connection.socket.reset();
  finish(connection.ticket);
  calls_.fail(call, ECONNABORTED);
}

std::optional<std::uint32_t> Notifier::free_number(pid_t process) {
  for (std::uint32_t tried = 0; tried < numbers_.range().count; ++tried) {
    const auto number = numbers_.next_free();
    if (!number || !program_.has_open(process, *number)) return number;
  }
  return std::nullopt;
}

void Notifier::answer_close(const Call& call) {
  const auto number = static_cast<std::uint32_t>(call.data.args[0]);
  const pid_t owner = numbers_.owner_of(number);
  const bool ends = owner != 0 && process_of(thread_in(call), owner) == owner;
  // The program closes it when it runs again. A call that a signal has ended comes again.
  if (!calls_.let_pass(call) || !ends) return;
  if (const auto ticket = numbers_.release(number, owner); ticket) finish(*ticket);
}

void Notifier::answer_close_range(const Call& call) {
  const auto first = static_cast<std::uint32_t>(call.data.args[0]);
  const auto last = static_cast<std::uint32_t>(call.data.args[1]);
  const NumberRange& range = numbers_.range();
  const pid_t process = process_of(thread_in(call), program_.pid());
  const bool closes = (call.data.args[2] & CLOSE_RANGE_CLOEXEC) == 0 && first <= last;
  if (!calls_.let_pass(call) || !closes) return;
  const std::uint32_t end = range.first + range.count;
  for (std::uint32_t number = std::max(first, range.first); number < end && number <= last; ++number) {
    if (const auto ticket = numbers_.release(number, process); ticket) finish(*ticket);
  }
}

void Notifier::finish(std::uint64_t ticket) {
  tell(RecordKind::kIdle, ticket);
  drain_.on_end(connections());
}

void Notifier::watch(pid_t process) {
  const bool known = std::any_of(others_.begin(), others_.end(),
                                 [process](const OtherProcess& one) { return one.pid == process; });
  if (known || others_.size() == kMostOtherProcesses) return;
  Fd end(static_cast<int>(::syscall(SYS_pidfd_open, process, 0)));
  if (end.valid()) others_.push_back({process, std::move(end)});
}

void Notifier::bury(std::size_t other) {
  const pid_t dead = others_[other].pid;
  others_.erase(others_.begin() + static_cast<std::ptrdiff_t>(other));
  while (const auto number = numbers_.any_of(dead)) {
    if (const auto ticket = numbers_.release(*number, dead); ticket) finish(*ticket);
  }
}

void Notifier::end_channel() {
  channel_ended_ = true;
  listeners_.leave_channel();
  drain_.begin(connections());
}

void Notifier::leave() {
  if (left_ || channel_ended_ || drain_.begun()) return;
  left_ = true;
  tell(RecordKind::kLeave);
}

void Notifier::look_around() {
  const bool accepts = std::exchange(seen_accept_calls_, accept_calls_) != accept_calls_;
  pollfd channel{.fd = channel_.descriptor(), .events = POLLIN, .revents = 0};
  if (accepts || channel_ended_ || ::poll(&channel, 1, 0) != 1) return;
  // Something waits in the channel, and the program has not asked for it in this time.
  if (ready_ && others_.empty()) {
    listeners_.look_again(program_.pid());
    if (listeners_.none_bound()) leave();
  }
  hear();
}

void Notifier::hear() {
  // A connection stays where it is, unless the program has left: the supervisor may give it to another
  // worker.
  std::array<std::byte, kMaxDatagramSize> bytes;
  while (!channel_ended_) {
    const ssize_t size = ::recv(channel_.descriptor(), bytes.data(), bytes.size(), MSG_PEEK | MSG_DONTWAIT);
    if (size < 0) return;
    DatagramReader reader(std::span<const std::byte>(bytes).first(static_cast<std::size_t>(size)));
    const auto message = reader.next();
    if (message && message->record.kind == RecordKind::kConnection && !left_) return;
    if (channel_.receive(datagram_) == ReceiveStatus::kEnd) return end_channel();
    (void)sort_in(datagram_, nullptr);
  }
}

}  // namespace prefork::notify
