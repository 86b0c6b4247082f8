// The kernel's count of processes that it killed because memory ran out.
#include "supervisor/system/oom_counter.h"

#include <doctest/doctest.h>

#include "tests/config/temp_directory.h"

namespace prefork {
namespace {

using std::chrono::milliseconds;

/// A cgroup in which `kills` processes have been killed.
class Cgroup {
 public:
  Cgroup() { set(3); }
  void set(int kills) {
    file_ = directory_.file(
        "memory.events", "low 0\nhigh 7\noom 3\noom_kill " + std::to_string(kills) + "\noom_group_kill 0\n");
  }
  [[nodiscard]] const std::string& file() const { return file_; }

 private:
  TempDirectory directory_;
  std::string file_;
};

constexpr Instant kNow = Instant{} + std::chrono::hours(1);

TEST_CASE("FAULTS 63: each kill that is counted is taken once") {
  Cgroup cgroup;
  OomCounter counter(cgroup.file());
  CHECK_FALSE(counter.take_kill(kNow));
  cgroup.set(5);
  CHECK(counter.take_kill(kNow));
  CHECK(counter.take_kill(kNow));
  CHECK_FALSE(counter.take_kill(kNow));
}

TEST_CASE("FAULTS 63: a kill is still there when its process takes its time to end") {
  Cgroup cgroup;
  OomCounter counter(cgroup.file());
  cgroup.set(4);
  counter.look(kNow);
  counter.look(kNow + OomCounter::kRecent / 2);
  CHECK(counter.take_kill(kNow + OomCounter::kRecent));
  CHECK_FALSE(counter.take_kill(kNow + OomCounter::kRecent));
}

TEST_CASE("FAULTS 63: a kill of another process long ago is not taken for the next death") {
  Cgroup cgroup;
  OomCounter counter(cgroup.file());
  cgroup.set(4);
  counter.look(kNow);
  const Instant later = kNow + OomCounter::kRecent + milliseconds(1);
  CHECK_FALSE(counter.take_kill(later));
  cgroup.set(5);
  CHECK(counter.take_kill(later));
  CHECK_FALSE(counter.take_kill(later));
}

TEST_CASE("without a counter there is never a kill") {
  OomCounter counter("/no/such/file");
  CHECK_FALSE(counter.take_kill(kNow));
}

}  // namespace
}  // namespace prefork
