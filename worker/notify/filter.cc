#include "worker/notify/filter.h"

#include <linux/audit.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstddef>
#include <cstdint>
#include <vector>

namespace prefork::notify {
namespace {

#if defined(__x86_64__)
constexpr std::uint32_t kArchitecture = AUDIT_ARCH_X86_64;
#elif defined(__aarch64__)
constexpr std::uint32_t kArchitecture = AUDIT_ARCH_AARCH64;
#else
#error "the notifier knows the system calls of x86-64 and aarch64"
#endif

/// Calls whose first argument is a descriptor that may be a listener.
constexpr std::array<std::uint32_t, 8> kOfListeners = {SYS_accept,     SYS_accept4,     SYS_bind,
                                                       SYS_listen,     SYS_getsockname, SYS_getsockopt,
                                                       SYS_setsockopt, SYS_shutdown};

/// The lower half, on these little-endian machines.
constexpr std::uint32_t argument(std::size_t index) {
  return static_cast<std::uint32_t>(offsetof(seccomp_data, args) + index * sizeof(std::uint64_t));
}

sock_filter load(std::size_t offset) {
  return BPF_STMT(BPF_LD | BPF_W | BPF_ABS, static_cast<std::uint32_t>(offset));
}
sock_filter finish(std::uint32_t action) { return BPF_STMT(BPF_RET | BPF_K, action); }
/// Skips so many instructions if the loaded value is the other one, or is not.
sock_filter equal(std::uint32_t other, std::size_t skip_if, std::size_t skip_if_not) {
  return BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, other, static_cast<std::uint8_t>(skip_if),
                  static_cast<std::uint8_t>(skip_if_not));
}
sock_filter not_less(std::uint32_t other, std::size_t skip_if, std::size_t skip_if_not) {
  return BPF_JUMP(BPF_JMP | BPF_JGE | BPF_K, other, static_cast<std::uint8_t>(skip_if),
                  static_cast<std::uint8_t>(skip_if_not));
}

std::vector<sock_filter> make_filter(const NumberRange& connections) {
  const sock_filter report = finish(SECCOMP_RET_USER_NOTIF);
  const sock_filter allow = finish(SECCOMP_RET_ALLOW);
  std::vector<sock_filter> code = {
      load(offsetof(seccomp_data, arch)),
      equal(kArchitecture, 1, 0),
      allow,
      load(offsetof(seccomp_data, nr)),
      equal(SYS_close, 0, 5),
      load(argument(0)),
      not_less(connections.first, 0, 2),
      not_less(connections.first + connections.count, 1, 0),
      report,
      allow,
      equal(SYS_close_range, 0, 4),
      load(argument(1)),
      not_less(connections.first, 0, 1),
      report,
      allow,
      // It would accept without a call that can be reported. Programs do without it.
      equal(SYS_io_uring_setup, 0, 1),
      finish(SECCOMP_RET_ERRNO | ENOSYS),
  };
  for (std::size_t i = 0; i < kOfListeners.size(); ++i)
    code.push_back(equal(kOfListeners[i], kOfListeners.size() - i, 0));
  code.insert(code.end(), {allow, load(argument(0)), not_less(connections.first, 1, 0), report, allow});
  return code;
}

}  // namespace

Fd install_filter(const NumberRange& connections) {
  std::vector<sock_filter> code = make_filter(connections);
  const sock_fprog filter{static_cast<unsigned short>(code.size()), code.data()};
  // The filter is no protection: before Linux 5.16 it would slow the program down as if it were (SSBD).
  constexpr unsigned kFlags = SECCOMP_FILTER_FLAG_NEW_LISTENER | SECCOMP_FILTER_FLAG_SPEC_ALLOW;
  return Fd(static_cast<int>(::syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, kFlags, &filter)));
}

}  // namespace prefork::notify
