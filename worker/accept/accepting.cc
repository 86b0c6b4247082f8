#include "worker/accept/accepting.h"

#include <fcntl.h>
#include <poll.h>

#include <atomic>
#include <cerrno>
#include <cstdint>

#include "worker/accept/channel.h"
#include "worker/accept/connections.h"
#include "worker/accept/context.h"
#include "worker/accept/disposition.h"
#include "worker/accept/drain.h"
#include "worker/accept/fork_gate.h"
#include "worker/accept/listener.h"
#include "worker/accept/next_function.h"
#include "worker/accept/ready.h"
#include "worker/accept/result.h"
#include "worker/accept/threads.h"

namespace prefork::accept {
namespace {

/// What reading the channel once has brought, other than a connection (0 or more) or an error (-errno).
constexpr int kOtherRecords = -10'001;
constexpr int kChannelEnd = -10'002;
constexpr int kForOtherListener = -10'003;

constexpr long kPauseForOther = 1'000'000;
constexpr long kPauseAtEnd = 20'000'000;

bool non_blocking(int fd) { return (raw::fcntl(fd, F_GETFL) & O_NONBLOCK) != 0; }

/// The connection's descriptor for the program, or -1. `enough`: the program has got one by this call
/// already.
int take_connection(int fd, const WireRecord& record, const Listener& listener, bool enough) {
  if (context.tree->left) {  // it is another worker's already
    if (fd >= 0) (void)raw::close(fd);
    return -1;
  }
  // Of another listener it can be only when another process or thread has taken the one that look() saw.
  const bool wanted = !enough && takes(listener, record.value);
  if (fd >= 0 && wanted) return begin_connection(fd, record.ticket, listener) ? fd : -1;
  if (fd >= 0) (void)raw::close(fd);  // without it no descriptor was left
  (void)tell(Record::kRefused, record.ticket);
  return -1;
}

int take_records(Datagram& datagram, const Listener& listener) {
  int taken = -1;
  bool drain = false;
  for (std::size_t i = 0; i < datagram.records(); i += Datagram::blocks(datagram.record(i))) {
    const WireRecord& record = datagram.record(i);
    if (record.kind == static_cast<std::uint16_t>(Record::kConnection)) {
      const int fd = take_connection(datagram.next_descriptor(), record, listener, taken >= 0);
      if (fd >= 0) taken = fd;
    } else if (record.kind == static_cast<std::uint16_t>(Record::kPing)) {
      (void)tell(Record::kPong);
    } else if (record.kind == static_cast<std::uint16_t>(Record::kDrain)) {
      drain = true;
    }
  }
  for (int fd = datagram.next_descriptor(); fd >= 0; fd = datagram.next_descriptor()) (void)raw::close(fd);
  if (drain) on_drain();
  return taken >= 0 ? taken : kOtherRecords;
}

/// What reading the channel for this listener would bring: kForOtherListener when a connection of another one
/// of this process comes next, -errno when nothing can be read, else 0.
int look(int fd, const Listener& listener) {
  WireRecord next;
  const long size =
      raw::call(SYS_recvfrom, fd, &next, sizeof(next), MSG_PEEK | MSG_DONTWAIT, nullptr, nullptr);
  if (size < 0) return size == -ECONNRESET ? kOtherRecords : static_cast<int>(size);
  const bool connection =
      size == sizeof(next) && next.kind == static_cast<std::uint16_t>(Record::kConnection);
  return connection && !takes(listener, next.value) ? kForOtherListener : 0;
}

int receive(int fd, const Listener& listener, int flags, bool may_wait) {
  Datagram datagram;
  if (!may_wait && several_listeners()) {
    // Also when there is nothing yet: what came after the look could be of another listener.
    if (const int other = look(fd, listener); other < 0) return other;
  }
  const int receive_flags =
      ((flags & SOCK_CLOEXEC) != 0 ? MSG_CMSG_CLOEXEC : 0) | (may_wait ? 0 : MSG_DONTWAIT);
  const long size = datagram.receive(fd, receive_flags, may_wait);
  if (size == 0) return kChannelEnd;
  if (size < 0) return size == -ECONNRESET ? kOtherRecords : static_cast<int>(size);
  return take_records(datagram, listener);
}

/// A process that is alone and has one thread may wait in recvmsg() itself. Otherwise a fork() could copy the
/// new descriptor before the table knows it, and a process that is killed in recvmsg() could take a wake-up
/// with it.
bool alone() { return single_threaded() && !context.tree->shared() && !several_listeners(); }

int receive_once(int fd, const Listener& listener, int flags) {
  if (alone()) return receive(fd, listener, flags, true);
  const InsideGate gate;
  return receive(fd, listener, flags, false);
}

/// Whether the kernel's accept() would go on after the signal that has just come. Which one it was is not
/// known, so all handlers have to say so; the C library's own signals do not count.
bool goes_on_after_signal() {
  if (context.tree->finishing) return false;  // the program has a flag to look at
  for (int number = 1; number <= 64; ++number) {
    if (number == 32 || number == 33) continue;
    const Disposition disposition(number);
    if (disposition.handled() && !disposition.restarts()) return false;
  }
  return true;
}

/// Waits until there is something to read; -EINTR after a signal, -EINVAL after shutdown() of the listener by
/// any process of the worker.
int wait_for_record(int fd, const Listener& listener) {
  pollfd either[] = {{fd, POLLIN, 0}, {listener.wake, POLLIN, 0}};
  if (::poll(either, 2, -1) < 0) return errno != EINTR || !goes_on_after_signal() ? -errno : 0;
  return either[1].revents != 0 ? -EINVAL : 0;
}

/// The end stays readable: neither the program's loop nor this one shall spin. A blocking accept() returns
/// EINTR when the program has been told to end: it has a flag to look at.
int at_channel_end(int fd) {
  on_channel_end();
  if (raw::sleep_ns(kPauseAtEnd) == -EINTR) return -EINTR;
  return non_blocking(fd) ? -EAGAIN : 0;
}

void finish_accepting(int fd, Listener& listener, sockaddr* address, socklen_t* length, int flags) {
  // What an earlier worker has set belongs to the socket, and came with it.
  (void)raw::fcntl(fd, F_SETFL, O_RDWR | ((flags & SOCK_NONBLOCK) != 0 ? O_NONBLOCK : 0));
  listener.options.repeat(fd, listener.aside, listener.domain);
  if (address == nullptr || length == nullptr) return;
  Address peer;
  peer.length = sizeof(sockaddr_un);
  if (raw::call(SYS_getpeername, fd, &peer.any, &peer.length) < 0) {  // the client has gone
    peer = Address();
    peer.any.sa_family = static_cast<sa_family_t>(listener.domain);
    peer.length = listener.name.length;
  }
  as_family(peer, listener.domain);
  give(peer, address, length);
}

/// After a turn without a connection: 0 to try again, else the error for the program.
int after_turn(int fd, const Listener& listener, int result) {
  switch (result) {
    case kOtherRecords: return context.tree->finishing && !non_blocking(fd) ? -EINTR : 0;
    case kChannelEnd: return at_channel_end(fd);
    case kForOtherListener:
      if (non_blocking(fd)) return -EAGAIN;
      return raw::sleep_ns(kPauseForOther) == -EINTR ? -EINTR : 0;
    case -EAGAIN: return non_blocking(fd) ? -EAGAIN : wait_for_record(fd, listener);
    default: return result;
  }
}

}  // namespace

int accept_connection(int fd, Listener& listener, sockaddr* address, socklen_t* length, int flags) {
  if (!in_own_process()) return fail(EBADF);
  if ((flags & ~(SOCK_NONBLOCK | SOCK_CLOEXEC)) != 0 || !listener.listening || listener.shut)
    return fail(EINVAL);
  say_ready();
  at_wait();
  for (;;) {
    const int result = receive_once(fd, listener, flags);
    if (result >= 0) {
      finish_accepting(result, listener, address, length, flags);
      return result;
    }
    const int error = after_turn(fd, listener, result);
    if (error < 0) return fail(-error);
  }
}

}  // namespace prefork::accept
