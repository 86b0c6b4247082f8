// The test's side of gates and marks.
#include "tests/support/gate.h"

#include <fcntl.h>
#include <sys/stat.h>

#include <doctest/doctest.h>

#include <cstdio>
#include <fstream>

#include "proto/fd.h"
#include "tests/support/eventually.h"

namespace prefork::test {

void Gates::open(const std::string& name) const {
  (void)::mkfifo(path(name).c_str(), 0600);  // the worker may have been first
  INFO("gate ", name);
  // ENXIO until a process waits there.
  eventually("a process waits at the gate",
             [&] { return Fd(::open(path(name).c_str(), O_WRONLY | O_NONBLOCK | O_CLOEXEC)).valid(); });
}

void Gates::open_for_good(const std::string& name) const {
  // Keeps a FIFO's reading end busy for processes that wait, while a file takes its place for those to come.
  (void)::mkfifo(path(name).c_str(), 0600);
  const Fd reader(::open(path(name).c_str(), O_RDONLY | O_NONBLOCK | O_CLOEXEC));
  const std::string file = path(name) + ".open";
  std::ofstream(file).flush();
  const Fd writer(::open(path(name).c_str(), O_WRONLY | O_NONBLOCK | O_CLOEXEC));
  REQUIRE(writer.valid());
  REQUIRE(std::rename(file.c_str(), path(name).c_str()) == 0);
}

std::vector<pid_t> Gates::marks(const std::string& name) const {
  std::ifstream file(path(name));
  std::vector<pid_t> pids;
  for (pid_t pid = 0; file >> pid;) pids.push_back(pid);
  return pids;
}

std::vector<pid_t> Gates::wait_for_marks(const std::string& name, std::size_t count) const {
  INFO("mark ", name);
  eventually("the mark was left", [&] { return marks(name).size() >= count; });
  return marks(name);
}

}  // namespace prefork::test
