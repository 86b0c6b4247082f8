#include "supervisor/workers/launch_queue.h"

#include <span>
#include <string>

namespace prefork {

const LaunchQueue::Request* LaunchQueue::next() const {
  return waiting_.empty() || in_flight_.size() >= kMaxInFlight ? nullptr : &waiting_.front();
}

void LaunchQueue::next_sent() {
  in_flight_.push_back(waiting_.front().key);
  waiting_.pop_front();
}

void LaunchQueue::give_up_waiting() {
  for (const Request& request : waiting_) in_flight_.push_back(request.key);
  waiting_.clear();
}

void LaunchQueue::drop(std::uint64_t pool) {
  std::erase_if(waiting_, [pool](const Request& request) { return request.key.pool == pool; });
}

void LaunchQueue::write_state(SpawnerState& state) const {
  for (const LaunchKey& key : in_flight_)
    state.in_flight.push_back({key.pool, key.worker, "", Carried::kNone, Carried::kNone});
  for (const Request& request : waiting_) {
    state.waiting.push_back(
        {request.key.pool, request.key.worker,
         std::string(reinterpret_cast<const char*>(request.bytes.data()), request.bytes.size()),
         Carried{request.channel.get()}, Carried{request.output.get()}});
  }
}

void LaunchQueue::adopt(const SpawnerState& state) {
  for (const RequestState& request : state.in_flight) in_flight_.push_back({request.pool, request.worker});
  for (const RequestState& request : state.waiting) {
    const LaunchKey key{request.pool, request.worker};
    Fd channel(static_cast<int>(request.channel));
    Fd output(static_cast<int>(request.output));
    if (!speaks_launch_format(state.launch_format)) {
      in_flight_.push_back(key);
      continue;
    }
    const auto bytes = std::as_bytes(std::span(request.bytes));
    waiting_.push_back({key, {bytes.begin(), bytes.end()}, std::move(channel), std::move(output)});
  }
}

}  // namespace prefork
