// Lets an allocation of one size fail, as when memory is short.
#pragma once

#include <cstddef>

namespace prefork::test {

/// While it lives, operator new of exactly `size` bytes fails in this thread. One at a time.
class NoMemoryFor {
 public:
  explicit NoMemoryFor(std::size_t size);
  NoMemoryFor(const NoMemoryFor&) = delete;
  NoMemoryFor& operator=(const NoMemoryFor&) = delete;
  ~NoMemoryFor();
};

}  // namespace prefork::test
