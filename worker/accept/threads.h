// Whether this process has one thread. glibc knows; where the C library does not say (musl), it may have
// several.
#pragma once

#if __has_include(<sys/single_threaded.h>)
#include <sys/single_threaded.h>
#endif

extern "C" char __libc_single_threaded __attribute__((weak));

namespace prefork::accept {

inline bool single_threaded() { return &__libc_single_threaded != nullptr && __libc_single_threaded != 0; }

}  // namespace prefork::accept
