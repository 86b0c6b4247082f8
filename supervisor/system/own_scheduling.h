// How the kernel schedules this process.
#pragma once

namespace prefork {

/// Schedules the calling thread, and what it starts from now on, as a batch process (SCHED_BATCH), which
/// interrupts no running process when it wakes up; with false, as usual. A process that was started with
/// another class than the usual one keeps it. Where the system denies it, nothing changes.
void schedule_as_batch(bool batch);

/// While it lives, the thread is scheduled as it was before schedule_as_batch(true): for what is started
/// meanwhile and shall be scheduled like that.
class ScheduledAsBefore {
 public:
  ScheduledAsBefore();
  ScheduledAsBefore(const ScheduledAsBefore&) = delete;
  ScheduledAsBefore& operator=(const ScheduledAsBefore&) = delete;
  ~ScheduledAsBefore();

 private:
  bool batch_;
};

}  // namespace prefork
