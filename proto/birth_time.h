// When a file or directory was made, which tells it from an earlier one with the same inode number: many file
// systems give the number of a removed directory to the next one.
#pragma once

#include <fcntl.h>
#include <sys/stat.h>

#include <cstdint>

namespace prefork {

/// In nanoseconds; 0: not known. Allocates nothing: a child may call it between fork and exec.
[[nodiscard]] inline std::int64_t birth_time(const char* path) {
  struct statx info {};
  const bool known =
      ::statx(AT_FDCWD, path, 0, STATX_BTIME, &info) == 0 && (info.stx_mask & STATX_BTIME) != 0;
  return known ? std::int64_t{info.stx_btime.tv_sec} * 1'000'000'000 + info.stx_btime.tv_nsec : 0;
}

}  // namespace prefork
