// libFuzzer's way into broken_admin_answer(): build-fuzz/tests/fuzz/admin-fuzzer -dict=tests/fuzz/admin.dict
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <string>
#include <string_view>

#include "tests/fuzz/admin_property.h"

// NOLINTNEXTLINE(readability-identifier-naming): libFuzzer's name
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size);

// NOLINTNEXTLINE(readability-identifier-naming)
int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string broken = prefork::test::broken_admin_answer({reinterpret_cast<const char*>(data), size});
  if (!broken.empty()) {
    (void)std::fputs((broken + "\n").c_str(), stderr);
    std::abort();
  }
  return 0;
}
