// `supervisor check`: what it finds beyond the text of the file.
#include <doctest/doctest.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <grp.h>

#include <cstdio>
#include <cstring>
#include <filesystem>
#include <string>

#include "proto/fd.h"
#include "tests/support/client.h"
#include "tests/support/command.h"
#include "tests/support/contains.h"
#include "tests/support/in_a_child.h"
#include "tests/support/supervisor_under_test.h"

using namespace prefork::test;

namespace {

std::string pool_at(const std::string& address, const std::string& more = "") {
  return R"({"listen": ")" + address + R"(", "command": ["/bin/cat"])" + more + "}";
}

}  // namespace

TEST_CASE("FAULTS 148: check as root refuses a program that the pool's user cannot reach") {
  if (::geteuid() != 0) return;
  const TestDirectory directory;
  const std::string program = directory.write("worker", "#!/bin/sh\n", 0755);
  const std::string file =
      directory.write("pool.json", R"({"listen": "127.0.0.1:0", "command": [")" + program +
                                       R"("], "user": "4711", "group": "4711"})");
  REQUIRE(::chmod(directory.path().c_str(), 0700) == 0);
  const CommandResult closed = run_supervisor({"check", "-c", file});
  CHECK(closed.status == 2);
  CHECK(closed.output.empty());
  CHECK(contains(closed.errors, "supervisor: " + file + ": /command: the pool's user \"4711\" cannot run \"" +
                                    program + "\": " + directory.path() + ": Permission denied; "));
  REQUIRE(::chmod(directory.path().c_str(), 0755) == 0);
  CHECK(run_supervisor({"check", "-c", file}).status == 0);
}

TEST_CASE("FAULTS 149: check and the start warn when the first reload could not read the file") {
  if (::geteuid() != 0) return;
  const std::string users = R"(, "user": "4711", "group": "4711")";
  const std::string what = ", which the supervisor becomes when it gives up root (see supervisor_user): ";
  const TestDirectory directory;
  REQUIRE(::chmod(directory.path().c_str(), 0755) == 0);
  const std::string file = directory.write("pool.json", pool_at("127.0.0.1:0", users), 0600);
  const CommandResult secret = run_supervisor({"check", "-c", file});
  CHECK(secret.status == 0);
  CHECK(contains(secret.errors, "supervisor: warning: " + file + ": cannot be read by user "));
  CHECK(contains(secret.errors, what));
  REQUIRE(::chmod(file.c_str(), 0644) == 0);
  CHECK(run_supervisor({"check", "-c", file}).errors.empty());
  // The supervisor under test has its file in a directory that is closed to others.
  SupervisorUnderTest supervisor(PoolText{.more = R"("user": "4711", "group": "4711")"});
  CHECK(contains(supervisor.wait_for_log(what), " warning "));
}

TEST_CASE("FAULTS 150: check warns of an address in use, but not by the supervisor that runs with the file") {
  SupervisorUnderTest supervisor(PoolText{.listen = {"127.0.0.1:0", "unix:TEST_DIRECTORY/web.sock"}});
  const std::string tcp = supervisor.address(0);
  const std::string path = supervisor.address(1);
  const TestDirectory directory;
  const auto warnings = [&](const std::string& address, const std::string& more = "") {
    const CommandResult result =
        run_supervisor({"check", "-c", directory.write("p.json", pool_at(address, more))});
    CHECK(result.status == 0);
    return result.errors;
  };
  for (const std::string& address : {tcp, path}) {
    const std::string line = warnings(address);
    CHECK(contains(line, "p.json: /listen: a supervisor that starts now cannot listen at \"" + address +
                             "\": another process listens there"));
    CHECK(contains(line, "(perhaps the supervisor that runs with this file)"));
    // The supervisor at this control socket runs with another file.
    CHECK(contains(warnings(address, R"(, "control": ")" + supervisor.control() + "\""), "/control: "));
  }
  // The second of these addresses overlaps with its own: a reload can go from one to the other.
  for (const std::string& own : {tcp, tcp.substr(tcp.rfind(':'))}) {
    supervisor.rewrite_config(PoolText{.listen = {own, path}});
    CHECK(run_supervisor({"check", "-c", supervisor.config_file()}).errors.find("cannot listen") ==
          std::string::npos);
  }
  CHECK(warnings("127.0.0.1:0").find("cannot listen") == std::string::npos);
  // Nothing has connected to the supervisor's listeners.
  CHECK(supervisor.pool()["accepted"] == 0);
}

TEST_CASE("FAULTS 491: check as another user warns of what would refuse a start by that user") {
  if (::geteuid() != 0) return;
  const TestDirectory directory;
  REQUIRE(::chmod(directory.path().c_str(), 0755) == 0);
  const std::string program = directory.write("worker", "#!/bin/sh\n", 0755);
  const auto check_as_stranger = [&](const std::string& more, int status, const std::string& line) {
    const bool listens = more.find("\"listen\"") != std::string::npos;
    const std::string file =
        directory.write("pool.json", "{" + std::string(listens ? "" : R"("listen": "127.0.0.1:0", )") +
                                         R"("command": [")" + program + "\"]" + more + "}");
    return in_a_child([&] {
      if (::setgroups(0, nullptr) < 0 || ::setgid(4711) < 0 || ::setuid(4711) < 0) return false;
      const CommandResult result = run_supervisor({"check", "-c", file});
      const bool said = result.status == status && result.errors.find(line) != std::string::npos;
      if (!said) (void)std::fprintf(stderr, "%d: %s\n", result.status, result.errors.c_str());
      return said;
    });
  };
  CHECK(check_as_stranger(
      R"(, "user": "4712", "group": "4712")", 0,
      "pool.json: a supervisor that user 4711 starts now does not start: pool main: workers "
      "cannot run as user \"4712\": the supervisor is not root"));
  CHECK(check_as_stranger(R"(, "log": {"file": "web.log"})", 0,
                          "/log/file: a supervisor that starts now cannot open \"" + directory.at("web.log") +
                              "\" by user 4711: " + directory.path() + ": Permission denied; "));
  REQUIRE(::chmod(directory.path().c_str(), 0777) == 0);
  CHECK(check_as_stranger(R"(, "listen": {"address": "unix:web.sock", "owner": "4712"})", 0,
                          "this user may not give the socket to another owner; leave that key out"));
  CHECK(check_as_stranger(R"(, "listen": {"address": "unix:web.sock", "group": "4712"})", 0,
                          "this user may not give the socket to that group; leave that key out"));
  REQUIRE(::chmod(program.c_str(), 0750) == 0);
  CHECK(
      check_as_stranger("", 2,
                        "\"" + program +
                            "\" cannot be executed by user 4711: Permission denied; let that user execute it "
                            "(chmod o+rx), or run this command as the user that starts the supervisor"));
  REQUIRE(::chmod(directory.path().c_str(), 0700) == 0);
  CHECK(check_as_stranger("", 2, "cannot be read by user 4711: Permission denied"));
}

TEST_CASE("FAULTS 496: check says what the supervisor that runs with the file would refuse to reload") {
  if (::geteuid() != 0) return;
  SupervisorUnderTest supervisor(
      PoolText{.command = {"/bin/sleep", "60"}, .more = R"("user": "4711", "group": "4711")"});
  REQUIRE(::chmod(supervisor.directory().path().c_str(), 0755) == 0);
  const auto refused_alike = [&](const PoolText& text, const std::string& why) {
    supervisor.rewrite_config(text);
    const CommandResult check = run_supervisor({"check", "-c", supervisor.config_file()});
    CHECK(check.status == 0);
    CHECK(contains(check.errors, "the supervisor that runs with this file, pid " +
                                     std::to_string(supervisor.pid()) + ", would refuse to reload it: "));
    CHECK(contains(check.errors, why));
    CHECK(contains(run_supervisor({"reload", "-c", supervisor.config_file()}).errors, why));
  };
  refused_alike({.command = {"/bin/sleep", "60"}},
                "pool main: its workers would run as root, but the supervisor has given up root; restart it");
  const auto first = supervisor.status().seccomp_from;
  if (!first) return;  // the kernel, or the rules of a container, allow no filter
  refused_alike({.command = {"/bin/sleep", "60"},
                 .workers = static_cast<unsigned>(*first) / 2,
                 .more = R"("user": "4711", "group": "4711", "queue": {"max": 10})"},
                "make workers ");
}

TEST_CASE(
    "FAULTS 417: check warns of a program that is not Node with the protocol node, where this can be seen") {
  const TestDirectory directory;
  const auto warnings = [&](const std::string& command) {
    const std::string file = directory.write(
        "pool.json", R"({"listen": "127.0.0.1:0", "protocol": "node", "command": )" + command + "}");
    const CommandResult result = run_supervisor({"check", "-c", file});
    CHECK(result.status == 0);
    return result.errors;
  };
  CHECK(contains(warnings(R"(["/bin/cat", "server.js"])"),
                 "pool.json: /command: \"/bin/cat\" does not seem to be Node"));
  const std::string node = directory.write("node", "#!/bin/cat\n");
  std::filesystem::permissions(node, std::filesystem::perms::owner_all);
  for (const std::string& command : {R"([")" + node + R"("])", R"(["/usr/bin/env", ")" + node + R"("])",
                                     std::string(R"(["/bin/sh", "start.sh"])")})
    CHECK(warnings(command).find("Node") == std::string::npos);
}

TEST_CASE(
    "FAULTS 150: check warns of a socket whose directory is missing, and of an address of another machine") {
  const TestDirectory directory;
  const std::string file = directory.write(
      "pool.json",
      R"({"listen": ["unix:missing/web.sock", "unix:file", "192.0.2.1:80"], "command": ["/bin/cat"],
                      "control": "nowhere/control.sock"})");
  (void)directory.write("file", "");
  const CommandResult result = run_supervisor({"check", "-c", file});
  CHECK(result.status == 0);
  CHECK(contains(result.output, ": fine"));
  CHECK(contains(
      result.errors,
      directory.at("missing/") + ": No such file or directory; create the directory, for nothing else does"));
  CHECK(contains(result.errors, "which is not a socket; remove it or choose another path"));
  CHECK(
      contains(result.errors, "\"192.0.2.1:80\": no interface of this machine has that address; correct it"));
  CHECK(contains(result.errors, file + ": /control: a supervisor that starts now cannot listen at"));
}

TEST_CASE("FAULTS 171: check does not take what a unix socket has left for a process that listens") {
  const TestDirectory directory;
  sockaddr_un name{};
  name.sun_family = AF_UNIX;
  const std::string path = directory.at("web.sock");
  std::memcpy(name.sun_path, path.data(), path.size());
  const auto new_socket = [] { return prefork::Fd(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0)); };
  prefork::Fd listener = new_socket();
  REQUIRE(::bind(listener.get(), reinterpret_cast<const sockaddr*>(&name), sizeof(name)) == 0);
  REQUIRE(::listen(listener.get(), 1) == 0);
  const prefork::Fd client = new_socket();
  REQUIRE(::connect(client.get(), reinterpret_cast<const sockaddr*>(&name), sizeof(name)) == 0);
  const prefork::Fd accepted(::accept4(listener.get(), nullptr, nullptr, SOCK_CLOEXEC));
  REQUIRE(accepted.valid());
  const std::string file = directory.write("pool.json", pool_at("unix:" + path));
  const auto warnings = [&] { return run_supervisor({"check", "-c", file}).errors; };
  CHECK(contains(warnings(), "another process listens there"));
  SUBCASE("its file was removed") { REQUIRE(::unlink(path.c_str()) == 0); }
  SUBCASE("its listener is closed, and a connection lasts") { listener.reset(); }
  CHECK(warnings().find("cannot listen") == std::string::npos);
}

TEST_CASE("a file with relative paths means the same from everywhere, also after a reload and an upgrade") {
  const TestDirectory files;
  const std::string run = files.write("run", "#!/bin/sh\nexec supervisor-worker echo\n", 0755);
  const std::string file = files.write("pool.json", PoolText{.command = {"./run"},
                                                             .listen = {"unix:web.sock"},
                                                             .control = false,
                                                             .more = R"("control": "run.sock")"}
                                                        .text());
  SupervisorUnderTest supervisor("", {.config_file = "pool.json",
                                      .in_child = [&] { (void)!::chdir(files.path().c_str()); },
                                      .control = files.at("run.sock")});
  CHECK(supervisor.address() == "unix:" + files.at("web.sock"));
  const auto serves_as_before = [&] {
    CHECK(ask(supervisor.address(), "hello") == "hello");
    const CommandResult reload = run_supervisor({"reload", "-c", file});
    CHECK(reload.output == "pool main: reloaded, unchanged\n");
    CHECK(contains(run_supervisor({"status", "-c", file}).output, ", " + file + ", "));
    const CommandResult check = run_supervisor({"check", "-c", file});
    CHECK(check.output == file + ": fine\n");
    CHECK(check.errors.find("cannot listen") == std::string::npos);
  };
  serves_as_before();
  supervisor.upgrade();
  serves_as_before();
}
