#include "worker/accept/fork_gate.h"

#include <atomic>
#include <csignal>

#include "worker/accept/raw.h"

namespace prefork::accept {
namespace {

constinit std::atomic<int> inside{0};
constinit std::atomic<int> forking{0};  ///< the thread that forks

constexpr long kPause = 50'000;
constexpr int kMostPauses = 400;  // 20 ms

void set_signals(unsigned long mask, unsigned long* before) {
  (void)raw::call(SYS_rt_sigprocmask, SIG_SETMASK, &mask, before, sizeof(mask));
}

}  // namespace

InsideGate::InsideGate() {
  ++inside;
  if (__builtin_expect(forking.load() == 0, 1)) return;
  const int self = raw::thread_id();
  for (int i = 0; i < kMostPauses && forking.load() != 0 && forking.load() != self; ++i) {
    --inside;
    (void)raw::sleep_ns(kPause);
    ++inside;
  }
}

InsideGate::~InsideGate() { --inside; }

ClosedGate::ClosedGate() {
  set_signals(~0UL, &signals_);
  const int self = raw::thread_id();
  for (int i = 0; i < kMostPauses && !closed_; ++i) {
    int open = 0;
    closed_ = forking.compare_exchange_strong(open, self);
    if (!closed_) (void)raw::sleep_ns(kPause);
  }
  for (int i = 0; i < kMostPauses && inside.load() > 0; ++i) (void)raw::sleep_ns(kPause);
}

ClosedGate::~ClosedGate() {
  if (closed_) forking = 0;
  set_signals(signals_, nullptr);
}

void ClosedGate::reset_in_child() { inside = forking = 0; }

}  // namespace prefork::accept
