// Preloaded into a supervisor: calls that wait for something outside (a name server, a disk) wait at a gate
// of the test. A mark tells that one waits.
#include <dlfcn.h>
#include <netdb.h>
#include <pwd.h>
#include <unistd.h>

#include <cstdlib>
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

/// Whether the test wants this write to wait: that to a file log, once the test has made the file `stall`.
bool is_stalled(int descriptor) {
  char target[4096] = "";
  const std::string link = "/proc/self/fd/" + std::to_string(descriptor);
  const ssize_t size = ::readlink(link.c_str(), target, sizeof(target));
  const char* gates = std::getenv(kGatesVariable);
  return size > 0 && gates != nullptr &&
         std::string_view(target, static_cast<std::size_t>(size)).ends_with("/slow.log") &&
         ::access((std::string(gates) + "/stall").c_str(), F_OK) == 0;
}

}  // namespace

extern "C" {

ssize_t write(int descriptor, const void* data, size_t size) {
  static const auto real = next<decltype(write)>("write");
  if (is_stalled(descriptor)) {
    leave_mark("writing");
    wait_at_gate("disk");
  }
  return real(descriptor, data, size);
}

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

/// Users without an account, which a supervisor that gives up root chooses from.
passwd* getpwuid(uid_t uid) {
  static const auto real = next<decltype(getpwuid)>("getpwuid");
  if (uid >= 61184 && uid < 65520) wait_for_answer();
  return real(uid);
}

}  // extern "C"
