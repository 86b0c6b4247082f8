// System calls without the C library: they touch no errno, are no cancellation points, reach no interposed
// function, and work in a signal handler and in a child of vfork(). The result is the kernel's: -errno on
// failure.
#pragma once

#include <sys/syscall.h>

#include <cstddef>
#include <type_traits>

namespace prefork::accept::raw {

#if defined(__x86_64__)
inline long six(long number, long a, long b, long c, long d, long e, long f) {
  long result;
  register long fourth __asm__("r10") = d;
  register long fifth __asm__("r8") = e;
  register long sixth __asm__("r9") = f;
  __asm__ volatile("syscall"
                   : "=a"(result)
                   : "a"(number), "D"(a), "S"(b), "d"(c), "r"(fourth), "r"(fifth), "r"(sixth)
                   : "rcx", "r11", "memory");
  return result;
}
#elif defined(__aarch64__)
inline long six(long number, long a, long b, long c, long d, long e, long f) {
  register long which __asm__("x8") = number;
  register long first __asm__("x0") = a;
  register long second __asm__("x1") = b;
  register long third __asm__("x2") = c;
  register long fourth __asm__("x3") = d;
  register long fifth __asm__("x4") = e;
  register long sixth __asm__("x5") = f;
  __asm__ volatile("svc #0"
                   : "+r"(first)
                   : "r"(which), "r"(second), "r"(third), "r"(fourth), "r"(fifth), "r"(sixth)
                   : "memory");
  return first;
}
#else
#error "the accept library knows the system calls of x86-64 and aarch64"
#endif

template <typename T>
long word(T* pointer) {
  return reinterpret_cast<long>(pointer);
}
template <typename T>
requires std::is_integral_v<T> || std::is_enum_v<T>
long word(T value) { return static_cast<long>(value); }
inline long word(std::nullptr_t) { return 0; }

template <typename A = int, typename B = int, typename C = int, typename D = int, typename E = int,
          typename F = int>
long call(long number, A a = {}, B b = {}, C c = {}, D d = {}, E e = {}, F f = {}) {
  return six(number, word(a), word(b), word(c), word(d), word(e), word(f));
}

/// stat() of a path relative to a directory; it fills the C library's `struct stat`.
#ifdef SYS_newfstatat
inline constexpr long kStatAt = SYS_newfstatat;
#else
inline constexpr long kStatAt = SYS_fstatat;
#endif

inline int process_id() { return static_cast<int>(call(SYS_getpid)); }
inline int thread_id() { return static_cast<int>(call(SYS_gettid)); }
inline long close(int fd) { return call(SYS_close, fd); }
inline long fcntl(int fd, int command, long argument = 0) { return call(SYS_fcntl, fd, command, argument); }
[[noreturn]] inline void exit(int status) {
  for (;;) call(SYS_exit_group, status);
}
/// Sleeps for less than a second, or until a signal.
inline long sleep_ns(long nanoseconds) {
  const struct { long seconds, nanoseconds; } time{0, nanoseconds};
  return call(SYS_nanosleep, &time);
}

}  // namespace prefork::accept::raw
