// What workers are started from when a symbolic link leads elsewhere, or a file was replaced.
#include <doctest/doctest.h>

#include <csignal>
#include <filesystem>
#include <memory>
#include <string>

#include "proto/birth_time.h"
#include "tests/e2e/program.h"
#include "tests/support/client.h"
#include "tests/support/command.h"
#include "tests/support/eventually.h"
#include "tests/support/supervisor_under_test.h"
#include "tests/support/test_directory.h"

using namespace prefork::test;

namespace {

/// Two releases of a program, and `current`, a link to one of them. Each worker writes which one it is.
struct Releases {
  Releases() {
    for (const std::string release : {"1", "2"}) {
      std::filesystem::create_directories(directory.at("releases/" + release));
      write(release, "release " + release);
    }
    link_to("1");
  }
  void write(const std::string& release, const std::string& says) const {
    (void)directory.write("releases/" + release + "/app",
                          "#!/bin/sh\necho this is " + says + " in $(pwd -P)\nexec supervisor-worker echo\n",
                          0755);
  }
  void link_to(const std::string& release) const {
    std::filesystem::create_symlink("releases/" + release, directory.at("next"));
    std::filesystem::rename(directory.at("next"), directory.at("current"));
  }
  [[nodiscard]] PoolText text() const {
    return {.command = {"./app"}, .more = R"("directory": ")" + directory.at("current") + '"'};
  }
  [[nodiscard]] std::string says(const std::string& release) const {
    return "this is release " + release + " in " + std::filesystem::canonical(directory.path()).string() +
           "/releases/" + release;
  }

  TestDirectory directory;
};

/// A directory with an application of the program sh. Another one can be put in its place.
struct Place {
  Place() { put("first"); }
  void put(const std::string& says) const {
    const std::string next = directory.at("next");
    std::filesystem::create_directory(next);
    (void)directory.write("next/app", "echo this is the " + says + "\nexec supervisor-worker echo\n");
    if (std::filesystem::exists(path())) std::filesystem::rename(path(), directory.at("before " + says));
    std::filesystem::rename(next, path());
  }
  /// Many file systems give the new directory the number of the one that was removed.
  void put_anew(const std::string& says) const {
    std::filesystem::remove_all(path());
    put(says);
  }
  [[nodiscard]] std::string path() const { return directory.at("app"); }
  [[nodiscard]] PoolText text(const std::string& more = "") const {
    return {.command = {"/bin/sh", "app"}, .more = R"("directory": ")" + path() + '"' + more};
  }

  TestDirectory directory;
};

void kill_worker(SupervisorUnderTest& supervisor) {
  const pid_t pid = supervisor.wait_for_idle(1).pids().front();
  REQUIRE(::kill(pid, SIGKILL) == 0);
  eventually("another worker is idle", [&] { return supervisor.wait_for_idle(1).pids().front() != pid; });
}

std::string command(const SupervisorUnderTest& supervisor, const std::string& name) {
  return run_supervisor({name, "-c", supervisor.config_file()}).output;
}

}  // namespace

TEST_CASE("FAULTS 129: a link that leads to another release changes nothing before a reload or a restart") {
  const Releases releases;
  const Program program;
  const auto supervisor = start(program, releases.text().text());
  (void)supervisor->wait_for_log(releases.says("1"));
  releases.link_to("2");
  kill_worker(*supervisor);
  (void)supervisor->wait_for_log(releases.says("1"), 2);
  supervisor->upgrade();
  kill_worker(*supervisor);
  (void)supervisor->wait_for_log(releases.says("1"), 3);
  CHECK(supervisor->count_in_log("release 2") == 0);

  CHECK(command(*supervisor, "reload") == "pool main: reloaded, workers are replaced: command, directory\n");
  (void)supervisor->wait_for_log(releases.says("2"));
  CHECK(command(*supervisor, "reload") == "pool main: reloaded, unchanged\n");
  releases.link_to("1");
  (void)command(*supervisor, "restart");
  (void)supervisor->wait_for_log(releases.says("1"), 4);
  releases.link_to("2");
  kill_worker(*supervisor);
  (void)supervisor->wait_for_log(releases.says("1"), 5);
  CHECK(supervisor->count_in_log("runs another file") == 0);
}

TEST_CASE("FAULTS 130: a worker that is started from a replaced file serves, and the log says so once") {
  const Releases releases;
  SupervisorUnderTest supervisor(releases.text());
  (void)supervisor.wait_for_log(releases.says("1"));
  releases.write("1", "another file");
  kill_worker(supervisor);
  CHECK(supervisor.wait_for_log("runs another file than generation 1 was started with")
            .find(releases.directory.at("current") + "/app was replaced") != std::string::npos);
  CHECK(ask(supervisor.address(), "hello") == "hello");
  kill_worker(supervisor);
  (void)supervisor.wait_for_log("this is another file", 2);
  CHECK(supervisor.count_in_log("runs another file") == 1);

  CHECK(command(supervisor, "reload") == "pool main: reloaded, workers are replaced: command\n");
  (void)supervisor.wait_for_log("this is another file", 3);
  kill_worker(supervisor);
  (void)supervisor.wait_for_log("this is another file", 4);
  CHECK(supervisor.count_in_log("runs another file") == 1);
}

TEST_CASE("FAULTS 196: a worker that is started in a replaced directory serves, and the log says so once") {
  const Place place;
  SupervisorUnderTest supervisor(place.text());
  (void)supervisor.wait_for_log("this is the first");
  place.put("second");
  CHECK(run_supervisor({"scale", "2", "-c", supervisor.config_file()}).status == 0);
  CHECK(supervisor.wait_for_log("runs in another directory than generation 1 was started in")
            .find(place.path() + " was replaced") != std::string::npos);
  (void)supervisor.wait_for_log("this is the second");
  (void)supervisor.wait_for_idle(2);
  supervisor.upgrade();
  CHECK(command(supervisor, "reload") == "pool main: reloaded, workers 1; workers are replaced: directory\n");
  (void)supervisor.wait_for_log("this is the second", 2);
  kill_worker(supervisor);
  CHECK(supervisor.count_in_log("runs in another directory") == 1);
}

TEST_CASE("FAULTS 196: a reload does not take workers of a replaced directory for those of the present one") {
  const Place place;
  SupervisorUnderTest supervisor(place.text());
  (void)supervisor.wait_for_idle(1);
  supervisor.rewrite_config(place.text(R"(, "environment": {"PATH": "/nowhere"})"));
  CHECK(run_supervisor({"reload", "--wait", "-c", supervisor.config_file()}).status == 1);
  place.put("second");
  supervisor.rewrite_config(place.text());
  CHECK(run_supervisor({"reload", "--wait", "-c", supervisor.config_file()})
            .output.ends_with("pool main: generation 3 has taken over\n"));
  (void)supervisor.wait_for_log("this is the second");
}

TEST_CASE("FAULTS 490: a directory that was removed and made anew is another one, whatever its number is") {
  if (prefork::birth_time(".") == 0) return;
  const Place place;
  SupervisorUnderTest supervisor(place.text());
  const auto reload = [&] { return command(supervisor, "reload"); };
  (void)supervisor.wait_for_log("this is the first");
  CHECK(reload() == "pool main: reloaded, unchanged\n");
  place.put_anew("second");
  kill_worker(supervisor);
  (void)supervisor.wait_for_log("runs in another directory than generation 1 was started in");
  CHECK(reload() == "pool main: reloaded, workers are replaced: directory\n");
  (void)supervisor.wait_for_log("this is the second", 2);
  supervisor.rewrite_config(place.text(R"(, "environment": {"PATH": "/nowhere"})"));
  CHECK(run_supervisor({"reload", "--wait", "-c", supervisor.config_file()}).status == 1);
  place.put_anew("third");
  supervisor.rewrite_config(place.text());
  CHECK(reload() == "pool main: reloaded, workers are replaced: directory, environment\n");
  (void)supervisor.wait_for_log("this is the third");
}

TEST_CASE("FAULTS 130: when the release of the workers is removed, the next one runs the present release") {
  const Releases releases;
  SupervisorUnderTest supervisor(releases.text());
  (void)supervisor.wait_for_log(releases.says("1"));
  releases.link_to("2");
  std::filesystem::remove_all(releases.directory.at("releases/1"));
  kill_worker(supervisor);
  (void)supervisor.wait_for_log(releases.says("2"));
  (void)supervisor.wait_for_log("its release was removed");
  CHECK(ask(supervisor.address(), "hello") == "hello");
}
