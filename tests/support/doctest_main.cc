// main() of each test program. Supervisors that a test starts have their control sockets in a directory of
// its own.
//
// doctest would install signal handlers that print from forked children, too.
#define DOCTEST_CONFIG_NO_POSIX_SIGNALS
#define DOCTEST_CONFIG_IMPLEMENT
#include <doctest/doctest.h>
#include <sys/stat.h>

#include <cstdlib>
#include <filesystem>
#include <string>
#include <system_error>

int main(int argc, char** argv) {
  std::string directory = (std::filesystem::temp_directory_path() / "test-runtime-XXXXXX").string();
  if (::mkdtemp(directory.data()) == nullptr) return 1;
  (void)::chmod(directory.c_str(), 0755);  // a supervisor that gives up root sees its socket
  (void)::setenv("XDG_RUNTIME_DIR", directory.c_str(), 1);
  (void)::setenv("RUNTIME_DIRECTORY", (directory + "/supervisor").c_str(), 1);
  const int status = doctest::Context(argc, argv).run();
  std::error_code ignored;  // a leftover in the temporary directory fails no test
  std::filesystem::remove_all(directory, ignored);
  return status;
}
