#include "supervisor/loop/shared_turns.h"

#include <algorithm>

#include "supervisor/system/clock.h"

namespace prefork {

bool SharedTurns::request(Member& member) {
  if (!working_ && waiting_.empty() && available()) {
    let_work(member);
    return true;
  }
  waiting_.push_back(&member);
  if (!timer_.active()) timer_.start(share_.wait(), Callback::to<&SharedTurns::serve>(*this));
  return false;
}

void SharedTurns::forget(const Member& member) { std::erase(waiting_, &member); }

void SharedTurns::serve() {
  while (!waiting_.empty() && available()) {
    Member& member = *waiting_.front();
    waiting_.pop_front();
    let_work(member);
  }
  if (!waiting_.empty()) timer_.start(share_.wait(), Callback::to<&SharedTurns::serve>(*this));
}

void SharedTurns::let_work(Member& member) {
  const Duration before = processor_time();
  working_ = true;
  member.step();
  working_ = false;
  share_.spent(processor_time() - before);
}

}  // namespace prefork
