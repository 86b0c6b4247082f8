// A list of table slots that is linked through the table's own entries (connection_table.h).
#pragma once

#include <cstddef>
#include <cstdint>

namespace prefork {

struct SlotList {
  static constexpr std::uint32_t kNone = UINT32_MAX;

  std::uint32_t first = kNone;
  std::uint32_t last = kNone;
  std::size_t size = 0;
};

}  // namespace prefork
