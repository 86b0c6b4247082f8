#include "tests/state/large_state.h"

#include <chrono>
#include <string>

namespace prefork::test {
namespace {

constexpr std::uint32_t kSeed = 1;

PoolSettings settings_for(std::size_t connections) {
  PoolSettings settings;
  settings.workers = 0;
  settings.queue_max = connections;
  settings.first_byte_timeout = std::chrono::seconds(30);
  return settings;
}

}  // namespace

LargePool::LargePool(std::size_t connections)
    : settings_(settings_for(connections)),
      now_(Instant() + std::chrono::hours(100)),
      pool_(settings_, kSeed, now_) {
  SlotAllocator<Ticket> tickets;
  Actions actions;
  for (std::size_t i = 0; i < connections; ++i) {
    const Ticket ticket = tickets_.emplace_back(tickets.allocate());
    now_ += std::chrono::microseconds(1);
    pool_.handle(event::Accepted{ticket, 0, (1ULL << 60U) + i}, now_, actions);
    if (i % 2 == 0) pool_.handle(event::ClientSeen{ticket, event::ClientSign::kAsks}, now_, actions);
    actions.clear();
  }
}

SupervisorState LargePool::state() const {
  SupervisorState state;
  PoolState& pool = state.running.pools.emplace_back();
  pool.core = pool_.snapshot();
  for (const Ticket ticket : tickets_) {
    const auto descriptor = static_cast<int>(1024 + ticket.slot());
    pool.sockets.push_back({ticket, Carried{descriptor}, false, true, 1ULL << 40U, 1ULL << 41U});
  }
  return state;
}

std::string LargePool::restore(const SupervisorState& state) const {
  Pool copy(settings_, kSeed, now_);
  if (std::string wrong = copy.restore(state.running.pools.front().core); !wrong.empty()) return wrong;
  if (copy.connections().size() != pool_.connections().size()) return "connections are missing";
  return "";
}

}  // namespace prefork::test
