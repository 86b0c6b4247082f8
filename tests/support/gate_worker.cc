// The worker's side of gates and marks.
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstdlib>
#include <string>

#include "proto/fd.h"
#include "tests/support/gate.h"

namespace prefork::test {
namespace {

/// Empty when there is no place for gates.
std::string place(const std::string& kind, const std::string& name) {
  const char* directory = std::getenv(kGatesVariable);
  return directory == nullptr ? "" : std::string(directory) + '/' + kind + name;
}

}  // namespace

void wait_at_gate(const std::string& name) {
  const std::string path = place("", name);
  if (path.empty()) return;
  (void)::mkfifo(path.c_str(),
                 0600);  // the test may have made it, as a FIFO or as a file that is always open
  int descriptor = -1;
  do {
    descriptor = ::open(path.c_str(), O_RDONLY | O_CLOEXEC);
  } while (descriptor < 0 && errno == EINTR);
  const Fd gate(descriptor);
}

void leave_mark(const std::string& name) {
  const std::string path = place("", name);
  if (path.empty()) return;
  const Fd mark(::open(path.c_str(), O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, 0600));
  const std::string line = std::to_string(::getpid()) + '\n';
  (void)!::write(mark.get(), line.data(), line.size());  // a mark that is missing fails the test
}

bool among_first(const std::string& name, unsigned long limit) {
  for (unsigned long i = 1; i <= limit; ++i) {
    const std::string path = place("first.", name + '.' + std::to_string(i));
    if (path.empty()) return true;
    if (Fd(::open(path.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600)).valid()) return true;
  }
  return false;
}

}  // namespace prefork::test
