// A linked list through a table's entries.
#include "supervisor/core/slot_list.h"

#include <doctest/doctest.h>

#include <cstdint>
#include <list>
#include <random>
#include <vector>

namespace prefork {
namespace {

struct Table {
  explicit Table(std::size_t size) : entries(size) {}
  [[nodiscard]] auto links() {
    return [this](std::uint32_t slot) -> SlotLinks& { return entries[slot]; };
  }
  std::vector<std::uint32_t> slots() {
    std::vector<std::uint32_t> all;
    list.for_each(links(), [&](std::uint32_t slot) { all.push_back(slot); });
    return all;
  }
  std::vector<std::uint32_t> slots_backwards() {
    std::vector<std::uint32_t> all;
    for (std::uint32_t slot = list.last(); slot != kNoSlot; slot = entries[slot].previous)
      all.push_back(slot);
    return all;
  }
  std::vector<SlotLinks> entries;
  SlotList list;
};

using Slots = std::vector<std::uint32_t>;

TEST_CASE("an empty list has no ends") {
  Table t(1);
  CHECK(t.list.empty());
  CHECK(t.list.size() == 0);
  CHECK(t.list.first() == kNoSlot);
  CHECK(t.list.last() == kNoSlot);
  CHECK(t.slots().empty());
}

TEST_CASE("entries are added at both ends and behind any other entry") {
  Table t(5);
  t.list.push_back(2, t.links());
  t.list.push_back(4, t.links());
  t.list.push_front(0, t.links());
  t.list.insert(2, 3, t.links());
  t.list.insert(kNoSlot, 1, t.links());
  CHECK(t.slots() == Slots{1, 0, 2, 3, 4});
  CHECK(t.slots_backwards() == Slots{4, 3, 2, 0, 1});
  CHECK(t.list.size() == 5);
}

TEST_CASE("an entry is removed from the front, the middle and the end") {
  Table t(5);
  for (const std::uint32_t slot : {0U, 1U, 2U, 3U, 4U}) t.list.push_back(slot, t.links());
  for (const std::uint32_t slot : {0U, 2U, 4U}) {
    t.list.remove(slot, t.links());
    CHECK_FALSE(t.entries[slot].linked);
  }
  CHECK(t.slots() == Slots{1, 3});
  CHECK(t.slots_backwards() == Slots{3, 1});
  t.list.remove(1, t.links());
  t.list.remove(3, t.links());
  CHECK(t.list.empty());
  CHECK(t.list.first() == kNoSlot);
  CHECK(t.list.last() == kNoSlot);
}

TEST_CASE("removing an entry that is not linked changes nothing") {
  Table t(3);
  t.list.push_back(0, t.links());
  t.list.push_back(1, t.links());
  t.list.remove(2, t.links());
  t.list.remove(0, t.links());
  t.list.remove(0, t.links());
  CHECK(t.slots() == Slots{1});
}

TEST_CASE("a list survives that its table moves the entries in memory") {
  Table t(2);
  t.list.push_back(0, t.links());
  t.list.push_back(1, t.links());
  t.entries.resize(1000);
  t.list.push_back(999, t.links());
  CHECK(t.slots() == Slots{0, 1, 999});
}

TEST_CASE("an entry is in two lists when it has links for each") {
  struct Entry {
    SlotLinks by_age, by_size;
  };
  std::vector<Entry> entries(3);
  const auto by_age = [&](std::uint32_t slot) -> SlotLinks& { return entries[slot].by_age; };
  const auto by_size = [&](std::uint32_t slot) -> SlotLinks& { return entries[slot].by_size; };
  SlotList age;
  SlotList size;
  for (const std::uint32_t slot : {0U, 1U, 2U}) age.push_back(slot, by_age);
  for (const std::uint32_t slot : {2U, 1U, 0U}) size.push_back(slot, by_size);
  age.remove(1, by_age);
  CHECK(age.size() == 2);
  CHECK(size.size() == 3);
  CHECK(size.first() == 2);
  CHECK(entries[1].by_size.linked);
}

TEST_CASE("any series of changes leaves the same list as the standard's") {
  constexpr std::uint32_t kSize = 50;
  Table t(kSize);
  std::list<std::uint32_t> model;
  std::minstd_rand random(1);
  for (int step = 0; step < 20'000; ++step) {
    const auto slot = static_cast<std::uint32_t>(random() % kSize);
    if (t.entries[slot].linked) {
      t.list.remove(slot, t.links());
      model.remove(slot);
    } else if (random() % 2 == 0) {
      t.list.push_front(slot, t.links());
      model.push_front(slot);
    } else {
      t.list.push_back(slot, t.links());
      model.push_back(slot);
    }
    REQUIRE(t.list.size() == model.size());
    if (step % 100 == 0) REQUIRE(t.slots() == Slots(model.begin(), model.end()));
  }
}

}  // namespace
}  // namespace prefork
