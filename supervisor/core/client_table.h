// The clients of a pool by their address: how many connections each has, and those of them that wait for a
// worker. Says whose turn it is where addresses take turns, and who waits with the most. All operations take
// constant time; nodes that are given back are used again, so that none allocates when warm.
#pragma once

#include <cstddef>
#include <cstdint>
#include <list>
#include <memory_resource>
#include <unordered_map>
#include <vector>

#include "supervisor/core/ids.h"
#include "supervisor/core/slot_list.h"

namespace prefork {

struct Client {
  ClientAddress address = kNoAddress;
  std::uint32_t connections = 0;
  SlotList waiting;  ///< its queued connections, oldest first; linked by the ConnectionTable
  std::pmr::list<Client*>::iterator turn;   ///< its place in turns_, while it waits
  std::pmr::list<Client*>::iterator level;  ///< its place in a list of levels_, while it waits
};

class ClientTable {
 public:
  /// Counts one connection more from this address. The client lives until it has left() with its last one.
  Client& entered(ClientAddress address);
  void left(Client& client);
  /// How many connections are from there. Those of no known address are not counted together: 0.
  [[nodiscard]] std::uint32_t from(ClientAddress address) const;

  /// `client.waiting` has just become one longer.
  void waits(Client& client);
  /// `client.waiting` has just become one shorter.
  void waits_less(Client& client);
  /// It has had its turn: the next is after all the others'.
  void served(Client& client, bool newest_first) {
    turns_.splice(newest_first ? turns_.begin() : turns_.end(), turns_, client.turn);
  }
  /// Whose turn it is: who waits the longest for it or, newest first, the shortest; null when nobody waits.
  [[nodiscard]] const Client* next(bool newest_first) const {
    if (turns_.empty()) return nullptr;
    return newest_first ? turns_.back() : turns_.front();
  }
  /// Who waits with the most connections: of several the one that came to so many last or, newest first,
  /// first; null when nobody waits.
  [[nodiscard]] const Client* most_waiting(bool newest_first) const {
    if (most_ == 0) return nullptr;
    return newest_first ? levels_[most_].front() : levels_[most_].back();
  }

  /// Those that wait: in the order of their turns; and by how many they wait with, of equals the one first
  /// that came to so many first.
  struct Waiting {
    std::vector<ClientAddress> turns, levels;
  };
  [[nodiscard]] Waiting waiting() const;
  /// Puts those that wait into this order.
  void set_order(const Waiting& order);

  /// What is wrong with the table, for tests and checking builds; null when nothing is.
  [[nodiscard]] const char* broken_invariant() const;

 private:
  using Clients = std::pmr::list<Client*>;
  /// Clients choose their addresses: without the secret, which is where the program lies in memory, they
  /// could choose such as fall into one bucket.
  struct Hash {
    std::size_t operator()(ClientAddress address) const {
      static constexpr char kSecret = 0;
      std::uint64_t mixed = address + reinterpret_cast<std::uintptr_t>(&kSecret);
      mixed = (mixed ^ (mixed >> 30U)) *
              0xbf58476d1ce4e5b9U;  // the finalizer of SplitMix64 (Steele et al., 2014)
      mixed = (mixed ^ (mixed >> 27U)) * 0x94d049bb133111ebU;
      return mixed ^ (mixed >> 31U);
    }
  };

  Client* find_waiting(ClientAddress address);

  std::pmr::unsynchronized_pool_resource memory_;
  Client unknown_;  ///< stands for all whose address is not known
  std::pmr::unordered_map<ClientAddress, Client, Hash> known_{&memory_};
  Clients turns_{&memory_};
  std::vector<Clients> levels_;  ///< those that wait, by how many of their connections do
  std::size_t most_ = 0;         ///< the highest level that is not empty
};

}  // namespace prefork
