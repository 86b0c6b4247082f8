// The clients by address: their connections, their turns, and which of them waits with the most.
#include "supervisor/core/client_table.h"

#include <doctest/doctest.h>

#include <cstdint>
#include <vector>

namespace prefork {
namespace {

/// Plays the ConnectionTable: queues connections, which here are only numbers.
struct Queue {
  [[nodiscard]] auto links() {
    return [this](std::uint32_t slot) -> SlotLinks& { return entries[slot]; };
  }
  explicit Queue(ClientTable& of) : table(of) {}
  void push(std::uint32_t client) {
    entries.emplace_back();
    table.at(client).waiting.push_back(static_cast<std::uint32_t>(entries.size() - 1), links());
    table.on_queued(client);
  }
  void pop(std::uint32_t client) {
    SlotList& waiting = table.at(client).waiting;
    waiting.remove(waiting.first(), links());
    table.on_dequeued(client);
  }
  ClientTable& table;
  std::vector<SlotLinks> entries;
};

TEST_CASE("connections are counted by address, and not at all for an unknown one") {
  ClientTable table;
  const std::uint32_t client = table.add_connection(7);
  CHECK(table.add_connection(7) == client);
  CHECK(table.connections_from(7) == 2);
  CHECK(table.connections_from(8) == 0);
  (void)table.add_connection(kNoAddress);
  CHECK(table.connections_from(kNoAddress) == 0);
  table.remove_connection(client);
  table.remove_connection(client);
  CHECK(table.connections_from(7) == 0);
}

TEST_CASE("the slot of a client without connections is used again") {
  ClientTable table;
  const std::uint32_t first = table.add_connection(7);
  table.remove_connection(first);
  CHECK(table.add_connection(8) == first);
  CHECK(table.at(first).address == 8);
  CHECK(table.at(first).connections == 1);
}

TEST_CASE("clients take turns in the order in which they began to wait") {
  ClientTable table;
  Queue queue(table);
  CHECK(table.next_in_turn(false) == nullptr);
  const std::uint32_t one = table.add_connection(1);
  const std::uint32_t two = table.add_connection(2);
  queue.push(one), queue.push(one), queue.push(two);
  CHECK(table.next_in_turn(false)->address == 1);
  CHECK(table.next_in_turn(true)->address == 2);
  table.end_turn(one, /*newest_first=*/false);
  CHECK(table.next_in_turn(false)->address == 2);
  table.end_turn(one, /*newest_first=*/true);
  CHECK(table.next_in_turn(false)->address == 1);
  queue.pop(one), queue.pop(one);
  CHECK(table.next_in_turn(false)->address == 2);
  CHECK(table.broken_invariant() == nullptr);
}

TEST_CASE("the client with the most waiting connections is known after each change") {
  ClientTable table;
  Queue queue(table);
  CHECK(table.most_waiting(false) == nullptr);
  const std::uint32_t one = table.add_connection(1);
  const std::uint32_t two = table.add_connection(2);
  queue.push(one), queue.push(two);
  CHECK(table.most_waiting(false)->address == 2);  // of equals the one that reached this number last
  CHECK(table.most_waiting(true)->address == 1);
  queue.push(one);
  CHECK(table.most_waiting(false)->address == 1);
  queue.pop(one), queue.pop(one);
  CHECK(table.most_waiting(false)->address == 2);
  queue.pop(two);
  CHECK(table.most_waiting(false) == nullptr);
  CHECK(table.broken_invariant() == nullptr);
}

TEST_CASE("the order of turns and levels can be taken from one table and given to another") {
  ClientTable table;
  Queue queue(table);
  for (const ClientAddress address : {1U, 2U, 3U}) queue.push(table.add_connection(address));
  table.end_turn(table.add_connection(1), /*newest_first=*/false);
  const ClientTable::Order order = table.order();
  CHECK(order.turns == std::vector<ClientAddress>{2, 3, 1});
  CHECK(order.levels == std::vector<ClientAddress>{1, 2, 3});
  ClientTable copy;
  Queue copied(copy);
  for (const ClientAddress address : {3U, 1U, 2U}) copied.push(copy.add_connection(address));
  copy.set_order(order);
  CHECK(copy.order().turns == order.turns);
  CHECK(copy.order().levels == order.levels);
  CHECK(copy.broken_invariant() == nullptr);
}

}  // namespace
}  // namespace prefork
