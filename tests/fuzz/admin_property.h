// What must hold for any bytes whatsoever that a client of the admin process sends: read by the fuzzer and
// by the tests.
#pragma once

#include <string>
#include <string_view>

namespace prefork::test {

/// Takes the first of `bytes` for the choice, the rest for all that a client sends: to the HTTP server, or to
/// the agent. What is wrong with what comes back; empty when nothing is.
[[nodiscard]] std::string broken_admin_answer(std::string_view bytes);

}  // namespace prefork::test
