#include "proto/descriptors_from.h"

#include <dirent.h>
#include <fcntl.h>
#include <linux/close_range.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <array>
#include <cstddef>
#include <cstring>
#include <string_view>

#include "proto/digits.h"

namespace prefork {
namespace {

/// Does to one descriptor what was asked for all. A number without a descriptor is left alone.
using Act = void (*)(int descriptor);

void close_one(int descriptor) { (void)::close(descriptor); }
void set_close_on_exec(int descriptor) { (void)::fcntl(descriptor, F_SETFD, FD_CLOEXEC); }

/// False: /proc cannot be read.
bool walk_open_descriptors(int first, Act act) {
  const int directory = ::open("/proc/self/fd", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (directory < 0) return false;
  alignas(dirent64) std::array<char, 4096> buffer{};
  long size = 0;
  while ((size = ::syscall(SYS_getdents64, directory, buffer.data(), buffer.size())) > 0) {
    for (std::size_t at = 0; at < static_cast<std::size_t>(size);) {
      const char* entry = buffer.data() + at;
      unsigned short length = 0;
      std::memcpy(&length, entry + offsetof(dirent64, d_reclen), sizeof(length));
      const auto number = parse_digits<int>(std::string_view(entry + offsetof(dirent64, d_name)));
      if (number && *number >= first && *number != directory) act(*number);
      at += length;
    }
  }
  (void)::close(directory);
  return size == 0;
}

void walk_all_numbers(int first, Act act) {
  rlimit limit{};
  if (::getrlimit(RLIMIT_NOFILE, &limit) < 0) return;
  for (int descriptor = first; static_cast<rlim_t>(descriptor) < limit.rlim_cur; ++descriptor)
    act(descriptor);
}

void for_all_from(int first, unsigned flags, Act act) {
  if (::close_range(static_cast<unsigned>(first), ~0U, static_cast<int>(flags)) == 0) return;
  if (!walk_open_descriptors(first, act)) walk_all_numbers(first, act);
}

}  // namespace

void close_descriptors_from(int first) { for_all_from(first, 0, close_one); }

void set_close_on_exec_from(int first) { for_all_from(first, CLOSE_RANGE_CLOEXEC, set_close_on_exec); }

}  // namespace prefork
