#include "supervisor/app/reaper.h"

#include <sys/wait.h>

#include <csignal>

#include "supervisor/system/clock.h"

namespace prefork {

Reaper::Reaper(const Loop& loop, Log& log, OomCounter& oom, Owner& owner)
    : log_(log), oom_(oom), owner_(owner), child_(loop), sweep_timer_(loop), oom_timer_(loop) {
  child_.start(SIGCHLD, Callback::to<&Reaper::look>(*this));
}

void Reaper::begin() {
  if (!oom_.file().empty()) look_for_oom_kills();
}

void Reaper::look() {
  report_stopped();
  if (!sweep_timer_.active()) sweep_timer_.start(kSweepDelay, Callback::to<&Reaper::sweep>(*this));
}

void Reaper::report_stopped() {
  owner_.hear_of_children();  // a child that has just begun may be stopped already
  for (;;) {
    siginfo_t child{};
    if (::waitid(P_ALL, 0, &child, WSTOPPED | WCONTINUED | WNOHANG) < 0 || child.si_pid == 0) return;
    owner_.child_stopped(child.si_pid, child.si_code == CLD_STOPPED);
  }
}

void Reaper::sweep() {
  owner_.hear_of_children();
  if (owner_.awaits_children()) return look();
  for (;;) {
    // WNOWAIT: looks without reaping. A known child that is dead blocks the view of the others; the next
    // sweep comes after its pidfd has been handled.
    siginfo_t child{};
    if (::waitid(P_ALL, 0, &child, WEXITED | WNOHANG | WNOWAIT) < 0 || child.si_pid == 0) return;
    if (owner_.knows_child(child.si_pid)) return look();
    (void)::waitid(P_PID, static_cast<id_t>(child.si_pid), &child, WEXITED | WNOHANG);
    ++strangers_reaped_;
    log_.debug("reaped process {}, which a worker had left behind", child.si_pid);
  }
}

void Reaper::look_for_oom_kills() {
  oom_.look(current_time());
  oom_timer_.start(OomCounter::kRecent, Callback::to<&Reaper::look_for_oom_kills>(*this));
}

}  // namespace prefork
