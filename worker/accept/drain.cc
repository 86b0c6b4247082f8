#include "worker/accept/drain.h"

#include <signal.h>
#include <time.h>

#include <atomic>
#include <cerrno>

#include "worker/accept/channel.h"
#include "worker/accept/context.h"
#include "worker/accept/raw.h"
#include "worker/accept/result.h"

namespace prefork::accept {
namespace {

constinit int event = -1;

constexpr long kTimeToLog = 100'000'000;
constexpr long kPauseAtEnd = 20'000'000;
/// What the owner is told.
constexpr std::uint64_t kNow = 1;
constexpr std::uint64_t kSoon = 1U << 16;

/// Whether the program has a handler for the signal of its drain.
bool has_handler() {
  struct {
    void (*handler)(int);
    unsigned long flags;
    void (*restorer)();
    unsigned long mask;
  } action{};
  (void)raw::call(SYS_rt_sigaction, context.settings.drain_signal, nullptr, &action, sizeof(action.mask));
  return action.handler != SIG_DFL && action.handler != SIG_IGN;
}

/// In the owner. A program without a handler ends here, with status 0.
void end_program() {
  if (!has_handler()) raw::exit(0);
  (void)raw::call(SYS_kill, raw::process_id(), context.settings.drain_signal);
}

/// The signal, when the program has had time to log. By a timer of the kernel: no thread is needed.
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
  if (tree.owner == context.pid) {
    if (soon) {
      end_program_later();
    } else {
      end_program();
    }
    return;
  }
  const std::uint64_t order = soon ? kSoon : kNow;
  (void)raw::call(SYS_write, event, &order, sizeof(order));
}

/// `now` needs a handler: without one the signal would end what is in progress.
bool at_once() { return context.settings.drain_now && has_handler(); }

void finish_if_due() {
  if (context.tree->open() == 0 || at_once()) finish(false);
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

void finish_soon() { finish(true); }

void at_wait() {
  if (context.tree->draining || context.tree->ended) finish_if_due();
}

void leave() {
  Tree& tree = *context.tree;
  if (!tree.ready || tree.draining || tree.ended || tree.left.exchange(true)) return;
  const KeepErrno keep;
  (void)tell(Record::kLeave);
}

void make_drain_event(int (*make)()) {
  if (event < 0) event = make();
}

int drain_event() { return event; }

void on_drain_event() {
  std::uint64_t order = 0;
  if (raw::call(SYS_read, event, &order, sizeof(order)) < 0) return;
  if (order >= kSoon) (void)raw::sleep_ns(kTimeToLog);
  end_program();
}

}  // namespace prefork::accept
