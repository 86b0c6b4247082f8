// Waits for a condition instead of sleeping for a time.
#pragma once

#include <doctest/doctest.h>
#include <ctime>

#include <chrono>
#include <string>

namespace prefork::test {

/// The longest wait for a condition, on any machine under any load.
inline constexpr std::chrono::seconds kPatience{20};

/// From one check of a condition to the next.
inline constexpr std::chrono::milliseconds kLook{2};

/// Checks `condition()` every `interval` until it holds; false at the deadline.
template <typename Condition>
[[nodiscard]] bool holds_within(std::chrono::nanoseconds time, Condition condition,
                                std::chrono::nanoseconds interval = kLook) {
  const auto deadline = std::chrono::steady_clock::now() + time;
  for (;;) {
    if (condition()) return true;
    if (std::chrono::steady_clock::now() >= deadline) return condition();
    const timespec pause{.tv_sec = 0, .tv_nsec = interval.count()};
    (void)::nanosleep(&pause, nullptr);
  }
}

/// Fails the test if `condition()` does not hold in time. `what` describes the condition in words.
template <typename Condition>
void eventually(const std::string& what, Condition condition, std::chrono::nanoseconds time = kPatience,
                std::chrono::nanoseconds interval = kLook) {
  const bool held = holds_within(time, condition, interval);
  REQUIRE_MESSAGE(held, "in vain: ", what);
}

}  // namespace prefork::test
