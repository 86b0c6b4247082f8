// A kernel's result as the C library returns it.
#pragma once

#include <cerrno>

namespace prefork::accept {

inline int fail(int error) {
  errno = error;
  return -1;
}
inline long result_of(long kernel) {
  if (kernel >= 0 || kernel < -4095) return kernel;
  errno = static_cast<int>(-kernel);
  return -1;
}
inline int int_result_of(long kernel) { return static_cast<int>(result_of(kernel)); }

/// Keeps the errno of the program over what the library does beside its call.
class KeepErrno {
 public:
  KeepErrno() : errno_(errno) {}
  ~KeepErrno() { errno = errno_; }
  KeepErrno(const KeepErrno&) = delete;
  KeepErrno& operator=(const KeepErrno&) = delete;

 private:
  int errno_;
};

}  // namespace prefork::accept
