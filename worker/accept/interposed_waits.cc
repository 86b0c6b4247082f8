// Waiting for the listener.
#include <poll.h>
#include <signal.h>
#include <sys/epoll.h>
#include <sys/select.h>

#include <algorithm>

#include "worker/accept/connections.h"
#include "worker/accept/context.h"
#include "worker/accept/descriptor_table.h"
#include "worker/accept/drain.h"
#include "worker/accept/interposed.h"
#include "worker/accept/listener.h"
#include "worker/accept/next_function.h"
#include "worker/accept/ready.h"

namespace prefork::accept {
namespace {

PREFORK_NEXT(epoll_ctl, int(int, int, int, epoll_event*));
PREFORK_NEXT(poll, int(pollfd*, nfds_t, int));
PREFORK_NEXT(ppoll, int(pollfd*, nfds_t, const timespec*, const sigset_t*));
PREFORK_NEXT(select, int(int, fd_set*, fd_set*, fd_set*, timeval*));
PREFORK_NEXT(pselect, int(int, fd_set*, fd_set*, fd_set*, const timespec*, const sigset_t*));

/// Whether a wait can mean something: before Ready, and while the worker ends.
bool matters() {
  if (!active()) return false;
  const Tree& tree = *context.tree;
  return !tree.ready.load(std::memory_order_relaxed) || tree.draining.load(std::memory_order_relaxed) ||
         tree.ended.load(std::memory_order_relaxed);
}

void waits_for(int fd) {
  Listener* listener = listener_of(fd);
  if (listener == nullptr || !in_own_process()) return;
  if (!listener->listening) {
    listener->awaited = true;
    return;
  }
  say_ready();
  at_wait();
}

void waits_for(const pollfd* descriptors, nfds_t count) {
  if (!matters() || descriptors == nullptr) return;
  for (nfds_t i = 0; i < count; ++i) waits_for(descriptors[i].fd);
}

void waits_for(int count, const fd_set* readable) {
  if (!matters() || readable == nullptr) return;
  for (int fd = 0; fd < std::min(count, FD_SETSIZE); ++fd) {
    if (FD_ISSET(fd, readable)) waits_for(fd);
  }
}

}  // namespace

int interposed_epoll_ctl(int epoll, int operation, int fd, epoll_event* event) {
  const Entry entry = table.look(fd);
  const int result = next_epoll_ctl(epoll, operation, fd, event);
  if (__builtin_expect(entry.kind == Kind::kNone || entry.kind == Kind::kPrivate, 1) || result < 0)
    return result;
  if (entry.kind == Kind::kConnection) {
    watches_of(entry.index).note(epoll, operation, fd);
    return result;
  }
  listeners[entry.index].watches.note(epoll, operation, fd);
  if (operation != EPOLL_CTL_DEL && matters()) waits_for(fd);
  return result;
}

PREFORK_INTERPOSE(int, poll, pollfd* descriptors, nfds_t count, int timeout);
int interposed_poll(pollfd* descriptors, nfds_t count, int timeout) {
  waits_for(descriptors, count);
  return next_poll(descriptors, count, timeout);
}

PREFORK_INTERPOSE(int, __poll_chk, pollfd* descriptors, nfds_t count, int timeout, size_t size);
int interposed___poll_chk(pollfd* descriptors, nfds_t count, int timeout, size_t) {
  return interposed_poll(descriptors, count, timeout);
}

PREFORK_INTERPOSE(int, ppoll, pollfd* descriptors, nfds_t count, const timespec* timeout,
                  const sigset_t* signals);
int interposed_ppoll(pollfd* descriptors, nfds_t count, const timespec* timeout, const sigset_t* signals) {
  waits_for(descriptors, count);
  return next_ppoll(descriptors, count, timeout, signals);
}

PREFORK_INTERPOSE(int, __ppoll_chk, pollfd* descriptors, nfds_t count, const timespec* timeout,
                  const sigset_t* signals, size_t size);
int interposed___ppoll_chk(pollfd* descriptors, nfds_t count, const timespec* timeout,
                           const sigset_t* signals, size_t) {
  return interposed_ppoll(descriptors, count, timeout, signals);
}

PREFORK_INTERPOSE(int, select, int count, fd_set* readable, fd_set* writable, fd_set* other,
                  timeval* timeout);
int interposed_select(int count, fd_set* readable, fd_set* writable, fd_set* other, timeval* timeout) {
  waits_for(count, readable);
  return next_select(count, readable, writable, other, timeout);
}

PREFORK_INTERPOSE(int, pselect, int count, fd_set* readable, fd_set* writable, fd_set* other,
                  const timespec* timeout, const sigset_t* signals);
int interposed_pselect(int count, fd_set* readable, fd_set* writable, fd_set* other, const timespec* timeout,
                       const sigset_t* signals) {
  waits_for(count, readable);
  return next_pselect(count, readable, writable, other, timeout, signals);
}

}  // namespace prefork::accept
