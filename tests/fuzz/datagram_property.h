// What must hold for any bytes whatsoever that a worker sends: read by the fuzzer and by the tests.
#pragma once

#include <cstddef>
#include <span>
#include <string>

namespace prefork::test {

/// Reads `bytes` as a datagram. What is wrong with how they were read; empty when nothing is.
[[nodiscard]] std::string broken_property(std::span<const std::byte> bytes);

}  // namespace prefork::test
