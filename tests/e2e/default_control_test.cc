// The control socket of a supervisor whose configuration names none, and the commands that find a supervisor
// by it.
#include <doctest/doctest.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <csignal>
#include <cstdlib>
#include <cstring>
#include <memory>
#include <string>
#include <vector>

#include "proto/fd.h"
#include "tests/e2e/program.h"
#include "tests/support/client.h"
#include "tests/support/command.h"
#include "tests/support/contains.h"
#include "tests/support/supervisor_under_test.h"

using namespace prefork;
using namespace prefork::test;

namespace {

const std::string kText = PoolText{.control = false}.text();

bool exists(const std::string& path) { return ::access(path.c_str(), F_OK) == 0; }

/// The runtime directory of this test's supervisors and commands.
class RuntimeDirectory {
 public:
  RuntimeDirectory() {
    REQUIRE(::chmod(directory_.path().c_str(), 0755) == 0);
    use(directory_.at("run"));
  }
  ~RuntimeDirectory() { (void)::setenv("RUNTIME_DIRECTORY", before_.c_str(), 1); }
  RuntimeDirectory(const RuntimeDirectory&) = delete;
  RuntimeDirectory& operator=(const RuntimeDirectory&) = delete;

  static void use(const std::string& path) { REQUIRE(::setenv("RUNTIME_DIRECTORY", path.c_str(), 1) == 0); }
  [[nodiscard]] std::string path() const { return directory_.at("run"); }
  [[nodiscard]] std::string at(const std::string& name) const { return path() + '/' + name; }

 private:
  TestDirectory directory_;
  std::string before_ = std::getenv("RUNTIME_DIRECTORY");
};

/// A supervisor that uses the default.
struct Supervised {
  explicit Supervised(const SupervisorUnderTest::Options& options = {.subscribe = false})
      : supervisor(kText, options) {
    const std::string said = supervisor.wait_for_log("control socket at ");
    control = said.substr(said.find('/'));
    supervisor.allow_leftovers();  // the harness looks for them through a control socket that the file names
  }
  SupervisorUnderTest supervisor;
  std::string control;
};

/// Leaves the file of a socket that no process listens at.
void leave_socket(const std::string& path) {
  sockaddr_un name{};
  name.sun_family = AF_UNIX;
  std::memcpy(name.sun_path, path.c_str(), path.size() + 1);
  const Fd socket(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
  REQUIRE(::bind(socket.get(), reinterpret_cast<const sockaddr*>(&name), sizeof(name)) == 0);
}

}  // namespace

TEST_CASE("a supervisor has a control socket by default, which commands find by its file or by themselves") {
  const RuntimeDirectory runtime;
  Supervised one;
  CHECK(one.control.starts_with(runtime.at("pool-")));
  const std::string fine = "pool main: fine, 1 of 1 worker ready\n";
  (void)one.supervisor.wait_for_log("its worker is ready");
  CHECK(run_supervisor({"health", "-c", one.supervisor.config_file()}).output == fine);
  CHECK(run_supervisor({"health"}).output == fine);
  CHECK(run_supervisor({"stop"}).status == 0);
  CHECK(one.supervisor.await_exit() == 0);
  CHECK_FALSE(exists(one.control));
  const CommandResult none = run_supervisor({"health"});
  CHECK(none.status == 3);
  CHECK(none.errors ==
        "supervisor: no supervisor found: none listens at a socket in " + runtime.path() +
            "; start one with supervisor -c FILE, or name one with -c FILE or --control PATH\n");
}

TEST_CASE(
    "FAULTS 493: a command with the file finds the supervisor whose control socket the file has changed") {
  const RuntimeDirectory runtime;
  Supervised one;
  (void)one.supervisor.wait_for_log("its worker is ready");
  const std::string file = one.supervisor.config_file();
  const std::string still = " still listens at " + one.control + '\n';
  SUBCASE("to another path") {
    const std::string path = runtime.at("other.socket");
    one.supervisor.rewrite_config(PoolText{.control = false, .more = R"("control": ")" + path + "\""}.text());
    const CommandResult status = run_supervisor({"status", "-c", file});
    CHECK(status.status == 0);
    CHECK(
        contains(status.errors, "warning: no supervisor listens at " + path + ", as " + file + " has it; "));
    CHECK(contains(status.errors, still));
    CHECK(contains(run_supervisor({"reload", "-c", file}).output, "control socket at " + path + '\n'));
    CHECK(run_supervisor({"health", "-c", file}).errors.empty());
  }
  SUBCASE("to none, or the file is broken") {
    one.supervisor.rewrite_config("{");
    const CommandResult health = run_supervisor({"health", "-c", file});
    CHECK(health.status == 0);
    CHECK(contains(health.errors, "supervisor: warning: " + file + ": "));
    CHECK(run_supervisor({"reload", "-c", file}).status == 1);
    one.supervisor.rewrite_config(PoolText{.control = false, .more = R"("control": false)"}.text());
    CHECK(contains(run_supervisor({"reload", "-c", file}).output, "control socket closed\n"));
    CHECK(run_supervisor({"health", "-c", file}).status == 2);
  }
}

TEST_CASE("FAULTS 458: several supervisors are listed, even if one is stopped by a signal") {
  const RuntimeDirectory runtime;
  Supervised one;
  Supervised two;
  two.supervisor.signal(SIGSTOP);
  const CommandResult several = run_supervisor({"status"});
  two.supervisor.signal(SIGCONT);
  CHECK(several.status == 2);
  CHECK(several.output.empty());
  CHECK(contains(several.errors, "2 supervisors run; choose one with -c FILE or --control PATH\n"));
  CHECK(contains(several.errors, "main, pid " + std::to_string(one.supervisor.pid()) + ", " +
                                     one.supervisor.config_file() + ", control socket " + one.control));
  CHECK(contains(several.errors, "pid " + std::to_string(two.supervisor.pid()) +
                                     ", which does not answer, control socket " + two.control));
  CHECK(run_supervisor({"health", "--control", one.control}).status == 0);
  CHECK(run_supervisor({"health", "-c", two.supervisor.config_file()}).status == 0);
}

TEST_CASE("FAULTS 455: a control socket that cannot be made by default is a warning, and the pool serves") {
  const RuntimeDirectory runtime;
  std::string why;
  std::string directory;
  SUBCASE("its directory cannot be made") {
    directory = "/proc/no/supervisor";
    why = "cannot make the directory /proc/no/supervisor: No such file or directory";
  }
  SUBCASE("its path is too long") {
    directory = runtime.path();
    REQUIRE(::mkdir(directory.c_str(), 0700) == 0);
    directory += '/' + std::string(100, 'x');
    why = "too long for the path of a socket";
  }
  RuntimeDirectory::use(directory);
  SupervisorUnderTest supervisor(kText, {.subscribe = false});
  CHECK(contains(supervisor.wait_for_log("no control socket, so the commands cannot reach this supervisor: "),
                 why));
  CHECK(ask(supervisor.address(), "hello") == "hello");
  supervisor.allow_leftovers();
}

TEST_CASE("FAULTS 455: where descriptors are short, the default control socket is left out") {
  const RuntimeDirectory runtime;
  SupervisorUnderTest supervisor(
      PoolText{.control = false, .more = R"("queue": {"max": 1}, "seccomp": false)"}.text(),
      {.in_child =
           [] {
             const rlimit few{120, 120};
             if (::setrlimit(RLIMIT_NOFILE, &few) < 0) ::_exit(125);
           },
       .subscribe = false});
  supervisor.allow_leftovers();
  CHECK(contains(supervisor.wait_for_log("no control socket"), "descriptors"));
  CHECK(ask(supervisor.address(), "hello") == "hello");
}

TEST_CASE("FAULTS 456: a start removes the sockets that dead supervisors have left, and nothing else") {
  const RuntimeDirectory runtime;
  Supervised one;
  leave_socket(runtime.at("old-00000000.sock"));
  leave_socket(runtime.at("other"));
  REQUIRE(::mkdir(runtime.at("directory.sock").c_str(), 0755) == 0);
  Supervised two;
  CHECK_FALSE(exists(runtime.at("old-00000000.sock")));
  CHECK(exists(runtime.at("other")));
  CHECK(exists(runtime.at("directory.sock")));
  CHECK(run_supervisor({"health", "--control", one.control}).status == 0);
}

TEST_CASE("FAULTS 457: the second supervisor of a file says that the first has the control socket") {
  const RuntimeDirectory runtime;
  Supervised first;
  SupervisorUnderTest second("", {.config_file = first.supervisor.config_file(), .subscribe = false});
  second.allow_leftovers();
  CHECK(contains(second.wait_for_log("no control socket"),
                 first.control + ": Address already in use; another process listens there"));
  CHECK(ask(second.address(), "hello") == "hello");
  CHECK(run_supervisor({"stop"}).status == 0);
  CHECK(first.supervisor.await_exit() == 0);
  // A reload tries again.
  second.signal(SIGHUP);
  (void)second.wait_for_log("control socket at " + first.control);
  CHECK(run_supervisor({"health"}).status == 0);
}

TEST_CASE("an upgrade in place keeps the default control socket, whatever the environment says then") {
  const RuntimeDirectory runtime;
  Program program;
  Supervised one({.program = program.path(), .subscribe = false});
  one.supervisor.signal(SIGUSR2);
  (void)one.supervisor.wait_for_log("has taken over");
  CHECK(run_supervisor({"health"}).status == 0);
  CHECK(run_supervisor({"stop"}).status == 0);
  CHECK(one.supervisor.await_exit() == 0);
  CHECK_FALSE(exists(one.control));
}

TEST_CASE("without a file the control socket has the supervisor's pid in its name") {
  const RuntimeDirectory runtime;
  Supervised one({.subscribe = false,
                  .arguments = {"run", "--listen", "127.0.0.1:0", "--", "supervisor-worker", "echo"}});
  CHECK(one.control == runtime.at("run-" + std::to_string(one.supervisor.pid()) + ".sock"));
  CHECK(run_supervisor({"stop"}).status == 0);
  CHECK(one.supervisor.await_exit() == 0);
  CHECK_FALSE(exists(one.control));
}

TEST_CASE("a supervisor that has given up root says that the file of its control socket stays") {
  if (::geteuid() != 0) return;
  const RuntimeDirectory runtime;
  const std::string text = PoolText{.control = false, .more = R"("user": "nobody")"}.text();
  TestDirectory directory;
  REQUIRE(::chmod(directory.path().c_str(), 0755) == 0);
  const std::string file = directory.write("pool.json", text);
  SupervisorUnderTest supervisor("", {.config_file = file, .subscribe = false});
  const std::string said = supervisor.wait_for_log("control socket at ");
  const std::string control = said.substr(said.find('/'));
  (void)supervisor.wait_for_log("gave up root");
  (void)supervisor.wait_for_log("its worker is ready");
  CHECK(run_supervisor({"health"}).status == 0);
  supervisor.signal(SIGHUP);
  (void)supervisor.wait_for_log("reloaded, unchanged");
  CHECK(supervisor.count_in_log("no control socket") == 0);
  CHECK(supervisor.stop() == 0);
  CHECK(supervisor.count_in_log("control socket: its file " + control + " stays: user ") == 1);
  SupervisorUnderTest next("", {.config_file = file, .subscribe = false});
  next.allow_leftovers();
  (void)next.wait_for_log("control socket at " + control);
}
