// The clients of a pool by their address: how many connections each has, and which of these wait for a
// worker. Tells whose turn it is when addresses take turns, and which client waits with the most connections.
// A client is named by its slot here. All operations take constant time, and none allocates when the table is
// warm.
#pragma once

#include <cstddef>
#include <cstdint>
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
  SlotLinks turn;    ///< its place in the order of turns, while it waits
  SlotLinks level;   ///< its place among the clients that wait with equally many connections
};

class ClientTable {
 public:
  /// Counts one more connection from this address and returns the client's slot, which is valid until
  /// remove_connection() has been called for the client's last connection.
  std::uint32_t add_connection(ClientAddress address);
  void remove_connection(std::uint32_t slot);
  /// The reference is valid until the next add_connection().
  [[nodiscard]] Client& at(std::uint32_t slot) { return clients_[slot]; }
  [[nodiscard]] const Client& at(std::uint32_t slot) const { return clients_[slot]; }
  /// Number of connections from this address. 0 for kNoAddress: unknown addresses are not counted as one.
  [[nodiscard]] std::uint32_t connections_from(ClientAddress address) const;

  /// The caller has just added a connection to `waiting` of this client.
  void on_queued(std::uint32_t slot);
  /// The caller has just removed a connection from `waiting` of this client.
  void on_dequeued(std::uint32_t slot);
  /// Ends the client's turn. Its next turn comes after all others, or, newest first, before them.
  void end_turn(std::uint32_t slot, bool newest_first);
  /// The client whose turn it is: the one that has waited longest for it or, newest first, shortest. Null
  /// when no client waits.
  [[nodiscard]] const Client* next_in_turn(bool newest_first) const;
  /// The client that waits with the most connections: among equals the one that reached this number last or,
  /// newest first, first. Null when no client waits.
  [[nodiscard]] const Client* most_waiting(bool newest_first) const;

  /// The clients that wait, in the order of both kinds of lists. `levels` has the lists one after the other,
  /// by number of waiting connections.
  struct Order {
    std::vector<ClientAddress> turns, levels;
  };
  [[nodiscard]] Order order() const;
  /// Puts the clients that wait into this order.
  void set_order(const Order& order);

  /// What is wrong with the table, for tests and checking builds; null when nothing is.
  [[nodiscard]] const char* broken_invariant() const;

 private:
  /// Clients choose their addresses. The secret is the place of the program in memory: without it they could
  /// choose addresses that all fall into one bucket.
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
  static constexpr std::uint32_t kUnknown = 0;  ///< slot of the client for all unknown addresses

  [[nodiscard]] std::uint32_t allocate();
  /// kNoSlot when the client does not wait.
  [[nodiscard]] std::uint32_t find_waiting(ClientAddress address) const;
  [[nodiscard]] auto turn_links() {
    return [this](std::uint32_t slot) -> SlotLinks& { return clients_[slot].turn; };
  }
  [[nodiscard]] auto level_links() {
    return [this](std::uint32_t slot) -> SlotLinks& { return clients_[slot].level; };
  }
  [[nodiscard]] const Client* find(std::uint32_t slot) const {
    return slot == kNoSlot ? nullptr : &clients_[slot];
  }

  std::pmr::unsynchronized_pool_resource memory_;  ///< reuses the nodes of slots_
  std::pmr::unordered_map<ClientAddress, std::uint32_t, Hash> slots_{&memory_};
  std::vector<Client> clients_{1};  ///< by slot
  std::vector<std::uint32_t> free_;
  SlotList turns_;
  std::vector<SlotList> levels_;  ///< clients that wait, by their number of waiting connections
  std::size_t most_ = 0;          ///< the highest level that is not empty
};

}  // namespace prefork
