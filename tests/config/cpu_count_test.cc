// The default number of workers, from the affinity mask and from cgroups that the test makes up.
#include "config/cpu_count.h"

#include <doctest/doctest.h>
#include <sched.h>

#include <filesystem>
#include <string>
#include <vector>

#include "config/cgroup.h"
#include "tests/config/temp_directory.h"

namespace prefork {
namespace {

unsigned by_affinity() {
  cpu_set_t set;
  REQUIRE(::sched_getaffinity(0, sizeof set, &set) == 0);
  return static_cast<unsigned>(CPU_COUNT(&set));
}

/// A process in cgroups of both versions, at the paths "/shop/web" and "/box".
class Machine {
 public:
  Machine() {
    for (const char* path : {"v2/shop/web", "v1/box"})
      std::filesystem::create_directories(directory_.at(path));
    directory_.file("mounts", "tmpfs /tmp tmpfs rw 0 0\ncgroup " + directory_.at("other") +
                                  " cgroup rw,memory 0 0\ncgroup " + directory_.at("v1") +
                                  " cgroup rw,relatime,cpu,cpuacct 0 0\ncgroup2 " + directory_.at("v2") +
                                  " cgroup2 rw,nosuid 0 0\n");
    directory_.file("cgroup", "5:memory:/\n3:cpu,cpuacct:/box\n0::/shop/web\n");
  }
  void write(const std::string& file, const std::string& text) { directory_.file(file, text); }
  [[nodiscard]] std::string at(const std::string& name) const { return directory_.at(name); }
  [[nodiscard]] unsigned cpus() const { return available_cpus(directory_.path()); }

 private:
  TempDirectory directory_;
};

TEST_CASE("the cgroups of a process are its own and those around it, of both versions") {
  const Machine machine;
  CHECK(cgroup_directories("cpu", machine.at("")) ==
        std::vector<std::string>{machine.at("v2/shop/web"), machine.at("v2/shop"), machine.at("v2"),
                                 machine.at("v1/box"), machine.at("v1")});
  CHECK(cgroup_directories("memory", machine.at("")).back() == machine.at("other"));
  CHECK(cgroup_directories("cpu", machine.at("nowhere")).empty());
}

TEST_CASE("FAULTS 78: without a quota there is one worker for each CPU of the affinity mask") {
  Machine machine;
  CHECK(machine.cpus() == by_affinity());
  machine.write("v2/shop/web/cpu.max", "max 100000\n");
  machine.write("v1/box/cpu.cfs_quota_us", "-1\n");
  machine.write("v1/box/cpu.cfs_period_us", "100000\n");
  CHECK(machine.cpus() == by_affinity());
  machine.write("v2/shop/web/cpu.max", "6400000 100000\n");  // more than there are
  CHECK(machine.cpus() == by_affinity());
}

TEST_CASE("FAULTS 78: a CPU quota limits the default number of workers, rounded up") {
  if (by_affinity() < 2) return;
  for (const char* file : {"v2/shop/web/cpu.max", "v2/shop/cpu.max", "v2/cpu.max"}) {
    Machine machine;
    machine.write(file, "50000 100000\n");
    CHECK(machine.cpus() == 1);
    machine.write(file, "150000 100000\n");
    CHECK(machine.cpus() == 2);
  }
  Machine machine;
  machine.write("v1/box/cpu.cfs_quota_us", "20000\n");
  machine.write("v1/box/cpu.cfs_period_us", "50000\n");
  CHECK(machine.cpus() == 1);
}

TEST_CASE("FAULTS 78: a file that is not understood is no quota") {
  Machine machine;
  for (const char* text : {"", "x y\n", "100000\n", "0 0\n", "-5 100000\n"}) {
    machine.write("v2/shop/web/cpu.max", text);
    CHECK(machine.cpus() == by_affinity());
  }
}

}  // namespace
}  // namespace prefork
