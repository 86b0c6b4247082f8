#include "supervisor/system/replace_program.h"

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>

#include "proto/descriptors_from.h"
#include "supervisor/system/own_scheduling.h"

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
  const ScheduledAsBefore as_before;  // the new program decides by itself
  Error error{"a descriptor cannot be handed over"};
  if (set_close_on_exec(descriptors, false)) {
    (void)::execv(program.c_str(), arguments.data());
    error = system_error("exec " + program);
  }
  (void)set_close_on_exec(descriptors, true);
  return error;
}

void keep_descriptors_from_children() { set_close_on_exec_from(STDERR_FILENO + 1); }

}  // namespace prefork
