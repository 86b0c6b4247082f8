// Denies system calls to this process and what it starts, as the rules of container engines and service
// managers do.
#pragma once

#include <seccomp.h>

#include <string>

namespace prefork::test {

/// `call` fails with `error` from here on. False: that cannot be arranged here.
inline bool deny_call(const std::string& call, int error) {
  const int number = seccomp_syscall_resolve_name(call.c_str());
  scmp_filter_ctx filter = number < 0 ? nullptr : seccomp_init(SCMP_ACT_ALLOW);
  if (filter == nullptr) return false;
  const bool denied =
      seccomp_rule_add(filter, SCMP_ACT_ERRNO(static_cast<unsigned>(error)), number, 0) == 0 &&
      seccomp_load(filter) == 0;
  seccomp_release(filter);
  return denied;
}

}  // namespace prefork::test
