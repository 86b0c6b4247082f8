// What a worker of the model has taken out of its channel, and what it claims to have.
#include <algorithm>

#include "tests/core/world.h"

namespace prefork {

void World::receive(Process& p, Ticket ticket) {
  // It is prepared by now, and others may be, too.
  const auto still_late = std::remove_if(p.late.begin(), p.late.end(), [&](Ticket one) {
    const bool sent = one == ticket || draws_.one_in(3);
    if (sent) p.sent.push_back(one);
    return sent;
  });
  p.late.erase(still_late, p.late.end());
  const auto last = std::find(p.sent.rbegin(), p.sent.rend(), ticket);
  const auto count = static_cast<std::size_t>(p.sent.rend() - last);
  p.received = std::max(p.received, count);
  p.received += draws_.below(p.sent.size() - p.received + 1);
}

std::optional<std::uint32_t> World::unread(const Process& p) {
  if (draws_.one_in(3)) return std::nullopt;
  return static_cast<std::uint32_t>(p.sent.size() - p.received);
}

bool World::claim_unread(WorkerId worker, Ticket ticket) {
  const Process& p = process(worker);
  const auto last = std::find(p.sent.rbegin(), p.sent.rend(), ticket);
  const bool received = static_cast<std::size_t>(p.sent.rend() - last) <= p.received;
  if (received) return false;
  // Of a worker that has such connections less is known.
  const bool may_be_late = std::any_of(p.hand.begin(), p.hand.end(), [&](const auto& one) {
    return !one.second && connection(one.first).may_be_late;
  });
  if (may_be_late) return false;
  const auto left = static_cast<std::uint32_t>(p.sent.size() - p.received);
  claims_unread_ = true;
  if (connection(ticket).late_receipt && draws_.one_in(3)) {
    tell(event::WorkerIdle{worker, ticket, left});
  } else if (draws_.one_in(2)) {
    tell(event::WorkerBusy{worker, ticket, left});
  } else {
    tell(event::WorkerRefused{worker, ticket, left});
  }
  claims_unread_ = false;
  demand(process(worker).killed, "a worker lives that claims a connection that it has not received");
  return true;
}

}  // namespace prefork
