#include "supervisor/system/own_scheduling.h"

#include <sched.h>

namespace prefork {
namespace {

/// This process has set it: then it is not what the process was started with.
bool is_batch = false;

}  // namespace

void schedule_as_batch(bool batch) {
  if (batch == is_batch || ::sched_getscheduler(0) != (batch ? SCHED_OTHER : SCHED_BATCH)) return;
  const sched_param no_priority{};
  if (::sched_setscheduler(0, batch ? SCHED_BATCH : SCHED_OTHER, &no_priority) == 0) is_batch = batch;
}

ScheduledAsBefore::ScheduledAsBefore() : batch_(is_batch) { schedule_as_batch(false); }

ScheduledAsBefore::~ScheduledAsBefore() { schedule_as_batch(batch_); }

}  // namespace prefork
