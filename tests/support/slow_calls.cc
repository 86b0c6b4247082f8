// Preloaded into a supervisor: calls that wait for something outside (a name server) wait at a gate of the
// test. The mark "asked" tells that one waits.
#include <dlfcn.h>
#include <netdb.h>
#include <pwd.h>

#include <cstring>
#include <string>
#include <string_view>

#include "tests/support/gate.h"

namespace {

using namespace prefork::test;

template <typename Function>
Function* next(const char* name) {
  return reinterpret_cast<Function*>(::dlsym(RTLD_NEXT, name));
}

void wait_for_answer() {
  leave_mark("asked");
  wait_at_gate("answer");
}

}  // namespace

extern "C" {

/// The host "slow.test" is 127.0.0.1.
int getaddrinfo(const char* node, const char* service, const addrinfo* hints, addrinfo** found) {
  static const auto real = next<decltype(getaddrinfo)>("getaddrinfo");
  const bool slow = node != nullptr && std::string_view(node) == "slow.test" &&
                    (hints == nullptr || (hints->ai_flags & AI_NUMERICHOST) == 0);
  if (slow) wait_for_answer();
  return real(slow ? "127.0.0.1" : node, service, hints, found);
}

/// The user "slow" is the user "nobody".
passwd* getpwnam(const char* name) {
  static const auto real = next<decltype(getpwnam)>("getpwnam");
  const bool slow = std::string_view(name) == "slow";
  if (slow) wait_for_answer();
  return real(slow ? "nobody" : name);
}

}  // extern "C"
