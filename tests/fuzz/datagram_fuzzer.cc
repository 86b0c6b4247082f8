// libFuzzer's way into broken_property(): build-fuzz/tests/fuzz/datagram-fuzzer -max_len=2100
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <span>
#include <string>

#include "tests/fuzz/datagram_property.h"

// NOLINTNEXTLINE(readability-identifier-naming): libFuzzer's name
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size);

// NOLINTNEXTLINE(readability-identifier-naming)
int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string broken = prefork::test::broken_property(std::as_bytes(std::span(data, size)));
  if (!broken.empty()) {
    (void)std::fputs((broken + "\n").c_str(), stderr);
    std::abort();
  }
  return 0;
}
