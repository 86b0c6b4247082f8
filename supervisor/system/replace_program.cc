#include "supervisor/system/replace_program.h"

#include <fcntl.h>
#include <linux/close_range.h>
#include <unistd.h>

#include <algorithm>

namespace prefork {
namespace {

bool set_close_on_exec(const std::vector<int>& descriptors, bool on) {
  return std::all_of(descriptors.begin(), descriptors.end(),
                     [on](int descriptor) { return ::fcntl(descriptor, F_SETFD, on ? FD_CLOEXEC : 0) == 0; });
}

}  // namespace

Error replace_program(const std::string& program, std::vector<std::string> argv,
                      const std::vector<int>& descriptors) {
  std::vector<char*> arguments;
  arguments.reserve(argv.size() + 1);
  for (std::string& argument : argv) arguments.push_back(argument.data());
  arguments.push_back(nullptr);
  Error error{"a descriptor cannot be handed over"};
  if (set_close_on_exec(descriptors, false)) {
    (void)::execv(program.c_str(), arguments.data());
    error = system_error("exec " + program);
  }
  (void)set_close_on_exec(descriptors, true);
  return error;
}

void keep_descriptors_from_children() {
  if (::close_range(STDERR_FILENO + 1, ~0U, CLOSE_RANGE_CLOEXEC) == 0) return;
  // Before Linux 5.11.
  const long limit = ::sysconf(_SC_OPEN_MAX);
  for (int descriptor = STDERR_FILENO + 1; descriptor < limit; ++descriptor) {
    if (::fcntl(descriptor, F_GETFD) >= 0) (void)::fcntl(descriptor, F_SETFD, FD_CLOEXEC);
  }
}

}  // namespace prefork
