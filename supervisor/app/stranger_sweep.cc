#include "supervisor/app/stranger_sweep.h"

#include <sys/wait.h>

#include <algorithm>
#include <utility>

#include "supervisor/system/child_process.h"
#include "supervisor/system/clock.h"

namespace prefork {

void StrangerSweep::begin() {
  if (!timer_.active()) run_in(delay_);
}

void StrangerSweep::run_in(Duration delay) { timer_.start(delay, Callback::to<&StrangerSweep::run>(*this)); }

void StrangerSweep::run() {
  while (share_.available(loop_.turns().began())) {
    const Duration before = processor_time();
    const Step done = step();
    share_.spent(processor_time() - before);
    switch (done) {
      case Step::kMore: break;
      case Step::kWaits: return run_in(kRetry);
      case Step::kClean: return plan_next();
    }
  }
  run_in(share_.wait());
}

void StrangerSweep::plan_next() {
  const bool many = reaped_ - std::exchange(swept_before_, reaped_) >= kMany;
  delay_ = many ? kRetry : std::min(2 * delay_, kDelay);
}

StrangerSweep::Step StrangerSweep::step() {
  if (!passing_) return begin_pass();
  if (!pids_.empty()) {
    examine_some();
    return Step::kMore;
  }
  pids_ = children_.read();
  return pids_.empty() ? end_pass() : Step::kMore;
}

StrangerSweep::Step StrangerSweep::begin_pass() {
  const pid_t dead = first_dead_child();
  if (dead == 0) return Step::kClean;
  passing_ = true;
  reaped_before_ = reaped_;
  if (!children_.open()) pids_ = {dead};
  return Step::kMore;
}

StrangerSweep::Step StrangerSweep::end_pass() {
  passing_ = false;
  return reaped_ == reaped_before_ ? Step::kWaits : Step::kMore;
}

void StrangerSweep::examine_some() {
  std::vector<pid_t> dead;
  for (int i = 0; i < kAtOnce && !pids_.empty(); ++i) {
    const pid_t pid = pids_.back();
    pids_.pop_back();
    if (!owner_.knows_child(pid) && is_dead_child(pid)) dead.push_back(pid);
  }
  if (dead.empty()) return;
  // What is dead has introduced itself already, if it ever will.
  owner_.hear_of_children();
  const auto awaited = owner_.awaited_answer();
  if (!awaited) suspects_.clear();
  for (const pid_t pid : dead) {
    if (owner_.knows_child(pid)) {
      suspects_.erase(pid);
    } else if (!may_be_named(pid, awaited)) {
      reap(pid);
    }
  }
}

bool StrangerSweep::may_be_named(pid_t pid, std::optional<std::uint64_t> awaited) {
  if (!awaited) return false;
  // The spawner names each process before it creates another: what the next answer does not name is a
  // stranger.
  const auto [suspect, is_new] = suspects_.try_emplace(pid, *awaited);
  if (is_new || suspect->second == *awaited) return true;
  suspects_.erase(suspect);
  return false;
}

void StrangerSweep::reap(pid_t pid) {
  siginfo_t ignored{};
  if (::waitid(P_PID, static_cast<id_t>(pid), &ignored, WEXITED | WNOHANG) < 0 || ignored.si_pid == 0) return;
  ++reaped_;
  log_.debug("reaped process {}, which a worker had left behind", pid);
}

}  // namespace prefork
