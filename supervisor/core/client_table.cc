#include "supervisor/core/client_table.h"

namespace prefork {

Client& ClientTable::entered(ClientAddress address) {
  Client& client = address == kNoAddress ? unknown_ : known_[address];
  client.address = address;
  ++client.connections;
  return client;
}

void ClientTable::left(Client& client) {
  if (--client.connections == 0 && client.address != kNoAddress) known_.erase(client.address);
}

std::uint32_t ClientTable::from(ClientAddress address) const {
  const auto found = known_.find(address);
  return found == known_.end() ? 0 : found->second.connections;
}

void ClientTable::waits(Client& client) {
  const std::size_t level = client.waiting.size;
  while (levels_.size() <= level) levels_.emplace_back(&memory_);
  Clients& here = levels_[level];
  if (level == 1) {
    client.turn = turns_.insert(turns_.end(), &client);
    client.level = here.insert(here.end(), &client);
  } else {
    here.splice(here.end(), levels_[level - 1], client.level);
  }
  if (level > most_) most_ = level;
}

void ClientTable::waits_less(Client& client) {
  const std::size_t level = client.waiting.size;
  Clients& before = levels_[level + 1];
  if (level == 0) {
    turns_.erase(client.turn);
    before.erase(client.level);
  } else {
    levels_[level].splice(levels_[level].end(), before, client.level);
  }
  // Of two levels that follow each other, the lower has someone now or was the last one.
  if (before.empty() && most_ == level + 1) most_ = level;
}

Client* ClientTable::find_waiting(ClientAddress address) {
  const auto found = known_.find(address);
  Client* client = found == known_.end() ? nullptr : &found->second;
  if (address == kNoAddress) client = &unknown_;
  return client == nullptr || client->waiting.size == 0 ? nullptr : client;
}

ClientTable::Waiting ClientTable::waiting() const {
  Waiting order;
  for (const Client* client : turns_) order.turns.push_back(client->address);
  for (const Clients& level : levels_) {
    for (const Client* client : level) order.levels.push_back(client->address);
  }
  return order;
}

void ClientTable::set_order(const Waiting& order) {
  for (const ClientAddress address : order.turns) {
    if (Client* client = find_waiting(address)) served(*client, /*newest_first=*/false);
  }
  for (const ClientAddress address : order.levels) {
    Client* client = find_waiting(address);
    if (client == nullptr) continue;
    Clients& level = levels_[client->waiting.size];
    level.splice(level.end(), level, client->level);
  }
}

const char* ClientTable::broken_invariant() const {
  std::size_t waiting = 0;
  for (std::size_t level = 0; level < levels_.size(); ++level) {
    if (level > most_ && !levels_[level].empty()) return "a client waits with more connections than the most";
    for (const Client* client : levels_[level]) {
      ++waiting;
      if (client->waiting.size != level)
        return "a client is listed with the wrong number of waiting connections";
      if (*client->turn != client) return "a client that waits has no turn";
    }
  }
  if (waiting != turns_.size()) return "a client has a turn but does not wait";
  if (most_ > 0 && levels_[most_].empty()) return "nobody waits with the most connections";
  return nullptr;
}

}  // namespace prefork
