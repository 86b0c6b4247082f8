#include "config/kernel_notify.h"

#include <linux/seccomp.h>
#include <sys/syscall.h>
#include <sys/utsname.h>
#include <unistd.h>

#include <cerrno>
#include <cstdint>
#include <cstdio>
#include <system_error>

namespace prefork {

bool release_can_notify(const std::string& release) {
  int major_number = 0;
  int minor_number = 0;
  if (std::sscanf(release.c_str(), "%d.%d", &major_number, &minor_number) != 2) return false;
  return major_number > 5 || (major_number == 5 && minor_number >= 14);
}

std::string why_kernel_cannot_notify() {
  const std::uint32_t action = SECCOMP_RET_USER_NOTIF;
  if (::syscall(SYS_seccomp, SECCOMP_GET_ACTION_AVAIL, 0, &action) != 0) {
    return "the kernel, or the rules of a container, do not let a process see another one's system calls "
           "(seccomp user notification): " +
           std::error_code(errno, std::system_category()).message() +
           R"(; use a dynamically linked program with "protocol": "accept")";
  }
  utsname name{};
  if (::uname(&name) == 0 && release_can_notify(name.release)) return "";
  return "it needs Linux 5.14, and this is " + std::string(name.release) +
         R"(; use a dynamically linked program with "protocol": "accept")";
}

}  // namespace prefork
