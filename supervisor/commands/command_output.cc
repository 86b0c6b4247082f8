#include "supervisor/commands/command_output.h"

#include <fcntl.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>

#include "proto/result.h"
#include "supervisor/commands/command_line.h"

namespace prefork {

CommandOutput::CommandOutput() {
  int descriptor = 0;
  do {
    descriptor = ::open("/dev/null", O_RDONLY | O_CLOEXEC);
  } while (descriptor >= 0 && descriptor <= STDERR_FILENO);
  if (descriptor >= 0) (void)::close(descriptor);
}

void CommandOutput::print(std::string_view text) {
  if (error_ != 0) return;
  const bool written = std::fwrite(text.data(), 1, text.size(), stdout) == text.size();
  if (!written || std::fflush(stdout) != 0) error_ = errno;
}

int CommandOutput::finish(int status) {
  if (error_ == 0) return status;
  print_error(system_error("the output is lost: stdout", error_).message());
  return status == kFine ? kNo : status;
}

}  // namespace prefork
