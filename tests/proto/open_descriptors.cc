#include "tests/proto/open_descriptors.h"

#include <fcntl.h>
#include <sys/resource.h>
#include <sys/stat.h>

#include <filesystem>
#include <iterator>

#include "proto/fd.h"

namespace prefork::test {

std::size_t open_descriptors() {
  const std::filesystem::directory_iterator all("/proc/self/fd");
  // One of them is the iterator's own.
  return static_cast<std::size_t>(std::distance(begin(all), end(all))) - 1;
}

bool is_open(int descriptor) { return ::fcntl(descriptor, F_GETFD) >= 0; }

bool is_close_on_exec(int descriptor) {
  const int flags = ::fcntl(descriptor, F_GETFD);
  return flags >= 0 && (flags & FD_CLOEXEC) != 0;
}

bool same_file(int one, int other) {
  struct stat first {};
  struct stat second {};
  return ::fstat(one, &first) == 0 && ::fstat(other, &second) == 0 && first.st_dev == second.st_dev &&
         first.st_ino == second.st_ino;
}

NoMoreDescriptors::NoMoreDescriptors() {
  rlimit limit{};
  (void)::getrlimit(RLIMIT_NOFILE, &limit);
  former_limit_ = limit.rlim_cur;
  // New descriptors get the lowest free number: forbid that one and all above it.
  const Fd lowest_free(::open("/dev/null", O_RDONLY | O_CLOEXEC));
  limit.rlim_cur = static_cast<rlim_t>(lowest_free.get());
  (void)::setrlimit(RLIMIT_NOFILE, &limit);
}

NoMoreDescriptors::~NoMoreDescriptors() {
  rlimit limit{};
  (void)::getrlimit(RLIMIT_NOFILE, &limit);
  limit.rlim_cur = former_limit_;
  (void)::setrlimit(RLIMIT_NOFILE, &limit);
}

}  // namespace prefork::test
