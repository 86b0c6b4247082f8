#include "supervisor/core/client_table.h"

namespace prefork {

std::uint32_t ClientTable::allocate() {
  if (free_.empty()) {
    clients_.emplace_back();
    return static_cast<std::uint32_t>(clients_.size() - 1);
  }
  const std::uint32_t slot = free_.back();
  free_.pop_back();
  return slot;
}

std::uint32_t ClientTable::add_connection(ClientAddress address) {
  std::uint32_t slot = kUnknown;
  if (address != kNoAddress) {
    const auto [known, added] = slots_.try_emplace(address, kNoSlot);
    if (added) known->second = allocate();
    slot = known->second;
  }
  clients_[slot].address = address;
  ++clients_[slot].connections;
  return slot;
}

void ClientTable::remove_connection(std::uint32_t slot) {
  Client& client = clients_[slot];
  if (--client.connections > 0 || slot == kUnknown) return;
  slots_.erase(client.address);
  client = Client{};
  free_.push_back(slot);
}

std::uint32_t ClientTable::connections_from(ClientAddress address) const {
  const auto known = slots_.find(address);
  return known == slots_.end() ? 0 : clients_[known->second].connections;
}

void ClientTable::on_queued(std::uint32_t slot) {
  const std::size_t level = clients_[slot].waiting.size();
  if (levels_.size() <= level) levels_.resize(level + 1);
  if (level == 1) {
    turns_.push_back(slot, turn_links());
  } else {
    levels_[level - 1].remove(slot, level_links());
  }
  levels_[level].push_back(slot, level_links());
  if (level > most_) most_ = level;
}

void ClientTable::on_dequeued(std::uint32_t slot) {
  const std::size_t level = clients_[slot].waiting.size();
  levels_[level + 1].remove(slot, level_links());
  if (level == 0) {
    turns_.remove(slot, turn_links());
  } else {
    levels_[level].push_back(slot, level_links());
  }
  // The client is now in the next lower level, or no client waits.
  if (levels_[level + 1].empty() && most_ == level + 1) most_ = level;
}

void ClientTable::end_turn(std::uint32_t slot, bool newest_first) {
  turns_.remove(slot, turn_links());
  if (newest_first) {
    turns_.push_front(slot, turn_links());
  } else {
    turns_.push_back(slot, turn_links());
  }
}

const Client* ClientTable::next_in_turn(bool newest_first) const {
  return find(newest_first ? turns_.last() : turns_.first());
}

const Client* ClientTable::most_waiting(bool newest_first) const {
  if (most_ == 0) return nullptr;
  return find(newest_first ? levels_[most_].first() : levels_[most_].last());
}

std::uint32_t ClientTable::find_waiting(ClientAddress address) const {
  std::uint32_t slot = kUnknown;
  if (address != kNoAddress) {
    const auto known = slots_.find(address);
    if (known == slots_.end()) return kNoSlot;
    slot = known->second;
  }
  return clients_[slot].waiting.empty() ? kNoSlot : slot;
}

ClientTable::Order ClientTable::order() const {
  Order order;
  const auto turn = [this](std::uint32_t slot) -> const SlotLinks& { return clients_[slot].turn; };
  const auto level = [this](std::uint32_t slot) -> const SlotLinks& { return clients_[slot].level; };
  turns_.for_each(turn, [&](std::uint32_t slot) { order.turns.push_back(clients_[slot].address); });
  for (const SlotList& list : levels_)
    list.for_each(level, [&](std::uint32_t slot) { order.levels.push_back(clients_[slot].address); });
  return order;
}

void ClientTable::set_order(const Order& order) {
  for (const ClientAddress address : order.turns) {
    const std::uint32_t slot = find_waiting(address);
    if (slot != kNoSlot) end_turn(slot, /*newest_first=*/false);
  }
  for (const ClientAddress address : order.levels) {
    const std::uint32_t slot = find_waiting(address);
    if (slot == kNoSlot) continue;
    SlotList& level = levels_[clients_[slot].waiting.size()];
    level.remove(slot, level_links());
    level.push_back(slot, level_links());
  }
}

const char* ClientTable::broken_invariant() const {
  const auto links = [this](std::uint32_t slot) -> const SlotLinks& { return clients_[slot].level; };
  const char* broken = nullptr;
  std::size_t waiting = 0;
  for (std::size_t level = 0; level < levels_.size(); ++level) {
    if (level > most_ && !levels_[level].empty()) return "a client waits with more connections than the most";
    levels_[level].for_each(links, [&](std::uint32_t slot) {
      ++waiting;
      if (clients_[slot].waiting.size() != level)
        broken = "a client is listed with the wrong number of waiting connections";
      if (!clients_[slot].turn.linked) broken = "a client that waits has no turn";
    });
  }
  if (broken != nullptr) return broken;
  if (waiting != turns_.size()) return "a client has a turn but does not wait";
  if (most_ > 0 && levels_[most_].empty()) return "no client waits with the most connections";
  return nullptr;
}

}  // namespace prefork
