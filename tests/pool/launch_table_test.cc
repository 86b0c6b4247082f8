// What each generation's processes are started from.
#include "supervisor/pool/launch_table.h"

#include <doctest/doctest.h>

#include <string>
#include <utility>
#include <vector>

#include "supervisor/system/accept_library.h"

namespace prefork {
namespace {

Launches launches(const std::string& program) {
  Launches launches;
  launches.worker.executable = program;
  launches.worker.argv = {program, "--worker"};
  launches.worker.pin = {"/real" + program, "/real", 1, 2, 3, -4, 5, 6};
  launches.fork_template = launches.worker;
  launches.fork_template.argv = {program, "--template"};
  return launches;
}

TEST_CASE("a worker and a template of one generation are started differently, and generations are apart") {
  LaunchTable table;
  table.add(1, launches("/bin/old"));
  table.add(2, launches("/bin/new"));
  CHECK(table.of(1, WorkerRole::kWorker) == launches("/bin/old").worker);
  CHECK(table.of(2, WorkerRole::kWorker) == launches("/bin/new").worker);
  CHECK(table.of(2, WorkerRole::kTemplate) == launches("/bin/new").fork_template);
}

TEST_CASE("a generation that is there stays as it is until it is forgotten") {
  LaunchTable table;
  table.add(1, launches("/bin/first"));
  table.add(1, launches("/bin/second"));
  CHECK(table.of(1, WorkerRole::kWorker).executable == "/bin/first");
  table.forget(1);
  table.add(1, launches("/bin/second"));
  CHECK(table.of(1, WorkerRole::kWorker).executable == "/bin/second");
}

TEST_CASE("the first process of a generation that was started otherwise is told once") {
  LaunchTable table;
  table.add(1, launches("/bin/first"));
  CHECK(table.first_started_otherwise(1));
  CHECK_FALSE(table.first_started_otherwise(1));
  CHECK(table.first_started_otherwise(2));
}

TEST_CASE("the table comes back from its state as it was") {
  LaunchTable table;
  table.add(3, launches("/bin/old"));
  table.add(4, launches("/bin/new"));
  LaunchTable copy;
  copy.adopt(table.state(), launches("/bin/configured"));
  for (const Generation generation : {3U, 4U}) {
    for (const WorkerRole role : {WorkerRole::kWorker, WorkerRole::kTemplate})
      CHECK(copy.of(generation, role) == table.of(generation, role));
  }
}

TEST_CASE("FAULTS 275: after an upgrade in place new processes get the accept library of the new program") {
  LaunchTable table;
  Launches old = launches("/bin/old");
  old.worker.environment = {"A=LD_PRELOAD=/old/libprefork-accept.so",
                            "LD_PRELOAD=/old/libprefork-accept.so:/own.so", "B=1"};
  table.add(3, old);
  old.worker.environment = {"LD_PRELOAD=/old/libprefork-accept-musl.so"};
  table.add(4, old);
  old.worker.environment = {"LD_PRELOAD=/old/other.so:/old/libprefork-accept.so"};
  table.add(5, old);
  LaunchTable copy;
  copy.adopt(table.state(), old);
  const auto environment = [&](Generation generation) {
    return copy.of(generation, WorkerRole::kWorker).environment;
  };
  using Entries = std::vector<std::string>;
  const std::string ours = accept_library_directory();
  CHECK(environment(3) == Entries{"A=LD_PRELOAD=/old/libprefork-accept.so",
                                  "LD_PRELOAD=" + ours + "/libprefork-accept.so:/own.so", "B=1"});
  CHECK(environment(4) == Entries{"LD_PRELOAD=" + ours + "/libprefork-accept-musl.so"});
  CHECK(environment(5) == Entries{"LD_PRELOAD=/old/other.so:/old/libprefork-accept.so"});
}

TEST_CASE("a launch in a form of another version is replaced by the configured one") {
  LaunchTable table;
  table.add(3, launches("/bin/old"));
  std::vector<LaunchState> state = table.state();
  state[0].worker = "in another form";
  LaunchTable copy;
  copy.adopt(state, launches("/bin/configured"));
  CHECK(copy.of(3, WorkerRole::kWorker) == launches("/bin/configured").worker);
  CHECK(copy.of(3, WorkerRole::kTemplate) == launches("/bin/configured").fork_template);
}

}  // namespace
}  // namespace prefork
