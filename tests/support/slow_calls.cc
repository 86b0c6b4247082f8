// Preloaded into a supervisor: calls that wait for something outside (a name server, a disk) wait at a gate
// of the test. A mark tells that one waits.
#include <dlfcn.h>
#include <fcntl.h>
#include <netdb.h>
#include <pwd.h>
#include <unistd.h>

#include <cstdarg>
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

/// The test has made this file beside its gates.
bool is_there(const char* name) {
  const char* gates = std::getenv(kGatesVariable);
  return gates != nullptr && ::access((std::string(gates) + '/' + name).c_str(), F_OK) == 0;
}

/// Whether the test wants this write to wait: that to a file log, once the test has made the file `stall`.
bool is_stalled(int descriptor) {
  char target[4096] = "";
  const std::string link = "/proc/self/fd/" + std::to_string(descriptor);
  const ssize_t size = ::readlink(link.c_str(), target, sizeof(target));
  return size > 0 && std::string_view(target, static_cast<std::size_t>(size)).ends_with("/slow.log") &&
         is_there("stall");
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

/// A log file that the test wants to wait with `stall-open` is opened when the gate "disk" opens.
int open(const char* path, int flags, ...) {  // NOLINT(cert-dcl50-cpp): as the library declares it
  static const auto real = next<decltype(open)>("open64");
  va_list more;
  va_start(more, flags);
  const mode_t mode = (flags & O_CREAT) != 0 ? va_arg(more, mode_t) : 0;
  va_end(more);
  if (std::string_view(path).ends_with("/slow.log") && is_there("stall-open")) {
    leave_mark("opening");
    wait_at_gate("disk");
  }
  return real(path, flags, mode);
}

/// The disk with the directory "slow-way".
int access(const char* path, int mode) {
  static const auto real = next<decltype(access)>("access");
  if (std::string_view(path).ends_with("/slow-way")) wait_for_answer();
  return real(path, mode);
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
