// What must hold for any text whatsoever that is loaded as a configuration: read by the fuzzer and by the
// tests.
#pragma once

#include <string>
#include <string_view>

namespace prefork::test {

/// Loads `text`. What is wrong with how it was accepted or refused; empty when nothing is. Host names are not
/// looked up in the network.
[[nodiscard]] std::string broken_load(std::string_view text);

}  // namespace prefork::test
