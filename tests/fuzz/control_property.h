// What must hold for any bytes whatsoever that a client of the control socket sends: read by the fuzzer and
// by the tests.
#pragma once

#include <string>
#include <string_view>

namespace prefork::test {

/// Takes `bytes` for all that a client sends. What is wrong with how it is answered; empty when nothing is.
[[nodiscard]] std::string broken_answer(std::string_view bytes);

}  // namespace prefork::test
