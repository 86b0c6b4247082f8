// Whether this kernel can report the calls of a program to another process, as the protocol accept-notify
// needs.
#pragma once

#include <string>

namespace prefork {

/// What is missing, and the way out; empty: nothing.
[[nodiscard]] std::string why_kernel_cannot_notify();
/// Of a kernel with the release `release`, such as "6.1.0-25-amd64".
[[nodiscard]] bool release_can_notify(const std::string& release);

}  // namespace prefork
