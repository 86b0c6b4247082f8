// A test's hold on fail_calls.cc: which system calls of its supervisor fail.
#pragma once

#include <doctest/doctest.h>
#include <fcntl.h>
#include <sys/mman.h>
#include <unistd.h>

#include <algorithm>
#include <cstdint>
#include <iterator>
#include <string>
#include <string_view>
#include <vector>

#include "proto/fd.h"
#include "tests/support/fail_calls.h"
#include "tests/support/test_directory.h"

namespace prefork::test {

class FailingCalls {
 public:
  struct How {
    std::uint32_t who = FailOrder::kSupervisor;
    std::uint32_t skip = 0;
    std::uint32_t times = UINT32_MAX;
  };

  FailingCalls() {
    const Fd file(::open(path_.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0666));
    REQUIRE(::ftruncate(file.get(), kSize) == 0);
    void* begin = ::mmap(nullptr, kSize, PROT_READ | PROT_WRITE, MAP_SHARED, file.get(), 0);
    REQUIRE(begin != MAP_FAILED);
    orders_ = static_cast<FailOrder*>(begin);
  }
  FailingCalls(const FailingCalls&) = delete;
  FailingCalls& operator=(const FailingCalls&) = delete;
  ~FailingCalls() { (void)::munmap(orders_, kSize); }

  /// Add it to the environment of a supervisor whose pools set LD_PRELOAD to nothing.
  [[nodiscard]] std::vector<std::string> environment() const {
    return {std::string("LD_PRELOAD=") + FAIL_CALLS_LIBRARY, kFailCallsVariable + ("=" + path_)};
  }
  /// These calls fail from here on, until succeed().
  void fail(std::string_view call, int error, const How& how) {
    FailOrder& order = find(call);
    order.who = how.who;
    order.skip = how.skip;
    order.left = how.times;
    order.failed = 0;
    __atomic_store_n(&order.error, error, __ATOMIC_RELEASE);
  }
  void fail(std::string_view call, int error) { fail(call, error, How()); }
  void succeed(std::string_view call) { __atomic_store_n(&find(call).error, 0, __ATOMIC_RELEASE); }
  /// How often it has failed since the last fail().
  [[nodiscard]] std::uint32_t failed(std::string_view call) {
    return __atomic_load_n(&find(call).failed, __ATOMIC_ACQUIRE);
  }

 private:
  static constexpr std::size_t kSize = sizeof(FailOrder) * std::size(kCallNames);

  FailOrder& find(std::string_view call) {
    const auto* name = std::find(std::begin(kCallNames), std::end(kCallNames), call);
    REQUIRE(name != std::end(kCallNames));
    return orders_[name - std::begin(kCallNames)];
  }

  TestDirectory directory_;
  std::string path_ = directory_.at("calls");
  FailOrder* orders_ = nullptr;
};

}  // namespace prefork::test
