// The settings that a random history begins with, or changes to.
#include "tests/core/world.h"

namespace prefork {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

void add_random_care(Draws& draws, PoolSettings& settings) {
  if (draws.one_in(3)) {
    settings.elastic = PoolSettings::Elastic{draws.below(4), draws.below(3), 1 + draws.below(8),
                                             milliseconds(100 + draws.below(5000))};
  }
  if (draws.one_in(3)) settings.busy_timeout = seconds(1 + draws.below(20));
  if (draws.one_in(3)) settings.ping_interval = seconds(1 + draws.below(20));
  if (draws.one_in(3)) settings.recycle.connections = 1 + draws.below(5);
  if (draws.one_in(4)) settings.recycle.age = seconds(20 + draws.below(60));
  if (draws.one_in(4)) settings.recycle.rss = 1000;
  settings.recycle.at_once = 1 + draws.below(3);
  settings.probation = {milliseconds(draws.below(2000)), draws.below(3)};
}

}  // namespace

PoolSettings random_settings(Draws& draws) {
  PoolSettings settings;
  settings.workers = draws.below(7);
  settings.slots = 1 + draws.below(3);
  settings.start = draws.one_in(3) ? StartForm::kFork : StartForm::kExec;
  settings.prefer = draws.one_in(2) ? Prefer::kWarmest : Prefer::kLongestIdle;
  settings.hold = draws.one_in(2) ? Hold::kDone : Hold::kReceipt;
  settings.full = draws.one_in(2) ? QueueFull::kReject : QueueFull::kWait;
  settings.queue_max = 1 + draws.below(6);
  settings.queue_timeout = seconds(1 + draws.below(30));
  settings.start_timeout = seconds(1 + draws.below(60));
  settings.receipt_timeout = seconds(1 + draws.below(10));
  settings.stop_timeout = seconds(1 + draws.below(30));
  add_random_care(draws, settings);
  if (draws.one_in(3)) settings.order = QueueOrder::kAdaptive;
  if (draws.one_in(4)) settings.per_address = 1 + draws.below(4);
  if (draws.one_in(3)) settings.fairness = QueueFairness::kAddress;
  if (draws.one_in(3)) settings.first_byte_timeout = seconds(1 + draws.below(20));
  if (settings.hold == Hold::kDone && !draws.one_in(3))
    settings.keep_alive = PoolSettings::KeepAlive{seconds(1 + draws.below(20)), 1 + draws.below(8)};
  return settings;
}

}  // namespace prefork
