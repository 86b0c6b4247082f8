#include "worker/accept/drain.h"

#include <poll.h>
#include <signal.h>
#include <sys/socket.h>
#include <time.h>

#include <cerrno>
#include <cstdint>

#include "worker/accept/attendant.h"
#include "worker/accept/channel.h"
#include "worker/accept/context.h"
#include "worker/accept/disposition.h"
#include "worker/accept/raw.h"
#include "worker/accept/result.h"

namespace prefork::accept {
namespace {

constinit int event = -1;

constexpr long kTimeToLog = 100'000'000;
/// The supervisor answers Leave with Drain at once; close() does not wait longer for it.
constexpr long kTimeForDrain = 50'000'000;
/// What the owner is told.
constexpr std::uint64_t kNow = 1;
constexpr std::uint64_t kSoon = 1U << 16;

/// Whether the program has a handler for the signal of its drain.
bool has_handler() { return Disposition(context.settings.drain_signal).handled(); }

/// In the owner. A program without a handler ends here, with status 0.
void end_program() {
  if (!has_handler()) raw::exit(0);
  (void)raw::call(SYS_kill, raw::process_id(), context.settings.drain_signal);
}

/// The signal, when the program has had time to log, where the attendant could not be started: by the
/// kernel's timer.
void end_program_later() {
  sigevent notify{};
  notify.sigev_notify = SIGEV_SIGNAL;
  notify.sigev_signo = has_handler() ? context.settings.drain_signal : SIGKILL;
  const itimerspec when{{0, 0}, {0, kTimeToLog}};
  int timer = 0;
  if (raw::call(SYS_timer_create, CLOCK_MONOTONIC, &notify, &timer) < 0 ||
      raw::call(SYS_timer_settime, timer, 0, &when, nullptr) < 0) {
    end_program();
  }
}

bool owner_lives() { return raw::call(SYS_kill, context.tree->owner.load(), 0) != -ESRCH; }

/// A process that has lost its owner ends when nothing is left to be served by it.
void end_orphan() {
  if (tracked() && !context.tree->holds_any(context.process)) raw::exit(0);
}

void finish(bool soon) {
  Tree& tree = *context.tree;
  if (tree.owner != context.pid && !owner_lives()) return end_orphan();
  if (tree.finishing.exchange(true)) return;
  const KeepErrno keep;
  if (tree.owner == context.pid && !soon) return end_program();
  if (tree.owner == context.pid && !attended()) return end_program_later();
  const std::uint64_t order = soon ? kSoon : kNow;
  (void)raw::call(SYS_write, event, &order, sizeof(order));
}

/// `now` needs a handler: without one the signal would end what is in progress.
/// Only the owner knows whether it has one: see on_drain_event().
bool at_once() { return context.settings.drain_now && (context.tree->owner != context.pid || has_handler()); }

bool ends_by_itself() { return context.tree->left && !context.tree->given_up; }

/// While connections are in progress the attendant ends those that are kept for a further request.
void finish_if_due() {
  if (ends_by_itself()) return;
  if (context.tree->open() == 0 || at_once()) return finish(false);
  attend_drain();
}

/// Closes what has come, and returns whether that was all for now.
bool give_back_some() {
  Datagram datagram;
  const long size = datagram.receive(context.channel, MSG_DONTWAIT | MSG_CMSG_CLOEXEC, false);
  if (size == 0) context.tree->ended = true;
  if (size <= 0) return size != -ECONNRESET && size != -EINTR;
  for (int fd = datagram.next_descriptor(); fd >= 0; fd = datagram.next_descriptor()) (void)raw::close(fd);
  for (std::size_t i = 0; i < datagram.records(); ++i) {
    const std::uint16_t kind = datagram.record(i).kind;
    if (kind == static_cast<std::uint16_t>(Record::kPing)) (void)tell(Record::kPong);
    if (kind == static_cast<std::uint16_t>(Record::kDrain)) context.tree->draining = true;
  }
  return false;
}

}  // namespace

void on_drain() {
  context.tree->draining = true;
  finish_if_due();
}

void on_channel_end() {
  context.tree->ended = true;
  finish_if_due();
}

void finish_soon() {
  if (!ends_by_itself()) finish(true);
}

void at_wait() {
  if (context.tree->draining || context.tree->ended) finish_if_due();
}

void leave() {
  Tree& tree = *context.tree;
  if (!tree.ready || tree.draining || tree.ended || tree.left.exchange(true)) return;
  const KeepErrno keep;
  (void)tell(Record::kLeave);
  give_back();
  pollfd drain{context.channel, POLLIN, 0};
  const timespec most{0, kTimeForDrain};
  while (!tree.draining && !tree.ended && raw::call(SYS_ppoll, &drain, 1, &most, nullptr, 0) > 0) give_back();
}

void give_up() {
  context.tree->given_up = true;
  leave();
  at_wait();
}

void give_back() {
  while (!context.tree->draining && !context.tree->ended && !give_back_some()) {
  }
}

void make_drain_event(int (*make)()) {
  if (event < 0) event = make();
}

int drain_event() { return event; }

void on_drain_event() {
  std::uint64_t order = 0;
  if (raw::call(SYS_read, event, &order, sizeof(order)) < 0) return;
  if (order >= kSoon) (void)raw::sleep_ns(kTimeToLog);
  if (context.tree->open() > 0 && !has_handler()) {
    context.tree->finishing = false;  // when the last connection has ended
  } else {
    end_program();
  }
}

}  // namespace prefork::accept
