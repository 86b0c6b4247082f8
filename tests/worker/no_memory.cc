#include "tests/worker/no_memory.h"

#include <cstdlib>
#include <new>

namespace {

thread_local std::size_t failing_size = 0;

}  // namespace

// Those of the whole test program.
void* operator new(std::size_t size, const std::nothrow_t& /*none*/) noexcept {
  return size != 0 && size == failing_size ? nullptr : std::malloc(size);
}
void* operator new(std::size_t size) {
  void* memory = operator new(size, std::nothrow);
  if (memory == nullptr) throw std::bad_alloc();
  return memory;
}
void operator delete(void* memory) noexcept { std::free(memory); }
void operator delete(void* memory, std::size_t /*size*/) noexcept { std::free(memory); }

namespace prefork::test {

NoMemoryFor::NoMemoryFor(std::size_t size) { failing_size = size; }
NoMemoryFor::~NoMemoryFor() { failing_size = 0; }

}  // namespace prefork::test
