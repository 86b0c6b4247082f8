// The descriptors of this process, for tests that prove that none leaks and none is inherited.
#pragma once

#include <cstddef>

namespace prefork::test {

/// The number of open descriptors of this process.
[[nodiscard]] std::size_t open_descriptors();
[[nodiscard]] bool is_open(int descriptor);
[[nodiscard]] bool is_close_on_exec(int descriptor);
/// Whether both descriptors refer to the same file.
[[nodiscard]] bool same_file(int one, int other);

/// While it lives, this process cannot get one more descriptor (RLIMIT_NOFILE).
class NoMoreDescriptors {
 public:
  NoMoreDescriptors();
  NoMoreDescriptors(const NoMoreDescriptors&) = delete;
  NoMoreDescriptors& operator=(const NoMoreDescriptors&) = delete;
  ~NoMoreDescriptors();

 private:
  unsigned long former_limit_ = 0;
};

}  // namespace prefork::test
