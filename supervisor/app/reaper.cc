#include "supervisor/app/reaper.h"

#include <sys/wait.h>

#include <csignal>
#include <utility>

#include "supervisor/system/child_process.h"
#include "supervisor/system/clock.h"

namespace prefork {

Reaper::Reaper(const Loop& loop, Log& log, OomCounter& oom, Owner& owner)
    : loop_(loop),
      oom_(oom),
      owner_(owner),
      sweep_(loop, log, owner),
      child_(loop),
      stops_timer_(loop),
      oom_timer_(loop) {
  child_.start(SIGCHLD, Callback::to<&Reaper::look>(*this));
}

void Reaper::begin() {
  if (!oom_.file().empty()) look_for_oom_kills();
}

void Reaper::look() {
  if (!stops_timer_.active()) report_stopped();
  sweep_.begin();
}

void Reaper::report_stopped() {
  bool reported = false;
  Duration before = processor_time();
  const auto spend = [&] {
    const Duration now = processor_time();
    stops_share_.spent(now - std::exchange(before, now));
  };
  while (stops_share_.available(loop_.turns().began())) {
    const bool more = report_one();
    spend();
    if (!more) return;
    reported = true;
  }
  // Strangers that are stopped and continued without end can stand before the workers in the kernel's list.
  if (reported) {
    owner_.look_for_stopped_workers();
    spend();
  }
  // Each signal costs more than its report. One that comes meanwhile is handled after the rest.
  block_sigchld();
  stops_timer_.start(stops_share_.wait(), Callback::to<&Reaper::on_rest_over>(*this));
}

void Reaper::on_rest_over() {
  unblock_sigchld();
  report_stopped();
}

bool Reaper::report_one() {
  siginfo_t child{};
  if (::waitid(P_ALL, 0, &child, WSTOPPED | WCONTINUED | WNOHANG) < 0 || child.si_pid == 0) return false;
  if (!owner_.knows_child(child.si_pid)) owner_.hear_of_children();  // it may have begun just now
  owner_.child_stopped(child.si_pid, child.si_code == CLD_STOPPED);
  return true;
}

void Reaper::look_for_oom_kills() {
  oom_.look(current_time());
  oom_timer_.start(OomCounter::kRecent, Callback::to<&Reaper::look_for_oom_kills>(*this));
}

}  // namespace prefork
