// The kernel's count of processes killed for want of memory.
#include "supervisor/io/oom_counter.h"

#include <doctest/doctest.h>

#include "tests/config/temp_directory.h"

namespace prefork {
namespace {

TEST_CASE("FAULTS 63: each kill that is counted is told of once") {
  const TempDirectory directory;
  const std::string file =
      directory.file("memory.events", "low 0\nhigh 7\noom 3\noom_kill 3\noom_group_kill 0\n");
  OomCounter counter(file);
  CHECK_FALSE(counter.take_kill());
  directory.file("memory.events", "low 0\nhigh 7\noom 3\noom_kill 5\noom_group_kill 0\n");
  CHECK(counter.take_kill());
  CHECK(counter.take_kill());
  CHECK_FALSE(counter.take_kill());
}

TEST_CASE("without a counter there never was a kill") {
  OomCounter counter("/no/such/file");
  CHECK_FALSE(counter.take_kill());
}

}  // namespace
}  // namespace prefork
