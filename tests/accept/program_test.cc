// Whole programs as their authors wrote them, from their start to their end.
#include <doctest/doctest.h>
#include <sys/personality.h>
#include <sys/stat.h>
#include <unistd.h>

#include <csignal>
#include <filesystem>
#include <string>
#include <vector>

#include "tests/accept/hosted.h"
#include "tests/support/eventually.h"
#include "tests/support/in_a_child.h"
#include "tests/support/process_list.h"

namespace prefork::test {
namespace {

std::vector<std::vector<std::string>> servers() {
  return {{c_program("loop"), "PORT"},           {c_program("loop"), "PORT", "127.0.0.1"},
          {c_program("fork"), "PORT"},           {c_program("prefork"), "PORT", "4"},
          {c_program("threads"), "PORT"},        {c_program("epoll"), "PORT"},
          {c_program("epoll"), "PORT", "level"}, {c_program("epoll"), "PORT", "level", "at-start"}};
}

/// One connection from its beginning to its end.
void serve_one(Hosted& program) {
  const std::uint64_t ticket = program.dispatch();
  program.client(ticket).send("line\n");
  program.expect(RecordKind::kBusy, ticket);
  CHECK(program.client(ticket).receive(5) == "line\n");
  CHECK(program.quiet());
  program.client(ticket).close();
  program.expect(RecordKind::kIdle, ticket);
}

/// All slots at the same time; for programs that serve more than one.
void serve_together(Hosted& program, std::size_t count) {
  std::vector<std::uint64_t> tickets;
  for (std::size_t i = 0; i < count; ++i) tickets.push_back(program.dispatch());
  for (std::size_t i = 0; i < count; ++i) CHECK(program.next().record.kind == RecordKind::kBusy);
  for (const std::uint64_t ticket : tickets) program.client(ticket).send("line\n");
  for (const std::uint64_t ticket : tickets) CHECK(program.client(ticket).receive(5) == "line\n");
  CHECK(program.quiet());
  for (const std::uint64_t ticket : tickets) program.client(ticket).close();
  for (std::size_t i = 0; i < count; ++i) CHECK(program.next().record.kind == RecordKind::kIdle);
  CHECK(program.quiet());
}

void serve_and_drain(Setup setup) {
  const std::string name = setup.command.front();
  CAPTURE(name);
  const bool one_at_a_time = name == c_program("loop");
  Hosted program(std::move(setup));
  program.expect(RecordKind::kReady, 8);
  for (int i = 0; i < 5; ++i) serve_one(program);
  if (!one_at_a_time) serve_together(program, 4);
  program.say(RecordKind::kDrain);
  const int status = program.await_exit();
  CHECK((status == 0 || status == -SIGTERM));
  program.close_channel();
  eventually("no process is left", [&] { return program.processes().empty(); });
}

}  // namespace

TEST_CASE("C programs as their authors wrote them serve, are drained, and leave no process") {
  for (const std::vector<std::string>& command : servers()) serve_and_drain({.command = command});
}

TEST_CASE("the same with LD_BIND_NOW, MALLOC_PERTURB_ and without random addresses") {
  for (const std::vector<std::string>& command : servers()) {
    serve_and_drain({.command = command, .environment = {"LD_BIND_NOW=1"}});
    serve_and_drain({.command = command, .environment = {"MALLOC_PERTURB_=85", "MALLOC_CHECK_=3"}});
  }
  // The rules of containers may deny it.
  if (!in_a_child([] { return ::personality(ADDR_NO_RANDOMIZE) >= 0; })) return;
  serve_and_drain({.command = {"setarch", "-R", c_program("epoll"), "PORT"}});
  serve_and_drain({.command = {"setarch", "-R", c_program("prefork"), "PORT", "4"}});
}

TEST_CASE("a program for socket activation finds its listener at descriptor 3") {
  const std::vector<std::string> environment = {"SUPERVISOR_LISTEN_FDS=1"};
  Hosted program({.command = {c_program("inherited")}, .environment = environment});
  program.expect(RecordKind::kReady, 8);
  serve_one(program);
  serve_one(program);
}

TEST_CASE("a wrapper of a program for socket activation hands the listener on") {
  const std::vector<std::string> environment = {"SUPERVISOR_LISTEN_FDS=1"};
  Hosted program({.command = {"sh", "-c", "exec " + c_program("inherited")}, .environment = environment});
  program.expect(RecordKind::kReady, 8);
  serve_one(program);
}

TEST_CASE("FAULTS 265: a program that goes to the background is told not to, and leaves no process") {
  Hosted program({.command = {c_program("background"), "PORT"}, .prints = true});
  const Arrival note = program.next();
  REQUIRE(!note.end);
  CHECK(note.record.kind == RecordKind::kNote);
  CHECK(note.text.find("background") != std::string::npos);
  (void)program.await_exit();
  eventually("no process is left", [&] { return program.processes().empty(); });
  CHECK(program.next().end);
}

TEST_CASE("FAULTS 265: the same when it forks by itself and its parent exits") {
  Hosted program;
  (void)program.listens();
  const pid_t child = program.number("fork 0");
  program.begin("accept 3", 1);
  program.begin("exit 0");
  CHECK(program.await_exit() == 0);
  eventually("the child is gone", [&] { return !is_alive(child); });
  bool told = false;
  for (Arrival arrival = program.next(); !arrival.end; arrival = program.next())
    told = told || arrival.text.find("background") != std::string::npos;
  CHECK(told);
}

TEST_CASE("FAULTS 265: the same when the child that is left listens") {
  Hosted program;
  const pid_t child = program.number("fork 0");
  program.begin("exit 0");
  CHECK(program.await_exit() == 0);
  const Arrival note = program.next();
  CHECK(note.text.find("background") != std::string::npos);
  const std::string socket = program.call("socket v4", 1);
  CHECK(program.call("bind " + socket + ' ' + program.pool().address(), 1) == "0");
  CHECK(program.call("listen " + socket, 1) == "0");
  program.begin("accept " + socket, 1);
  program.expect(RecordKind::kReady, 8);
  program.close_channel();  // as the supervisor does when the worker is dead
  eventually("the child is gone", [&] { return !is_alive(child); });
}

TEST_CASE("FAULTS 266: a set-user-id program runs without the library, and nothing is said for it") {
  if (::geteuid() != 0) return;
  const TestDirectory directory;
  REQUIRE(::chmod(directory.path().c_str(), 0755) == 0);
  const std::string copy = directory.at("loop");
  std::filesystem::copy_file(c_program("loop"), copy);
  REQUIRE(::chown(copy.c_str(), 65534, 65534) == 0);
  REQUIRE(::chmod(copy.c_str(), 04755) == 0);
  Hosted program({.command = {copy, "PORT", "127.0.0.1"}, .prints = true});
  CHECK(program.await_exit() == 1);
  CHECK(program.output() == "loop: Address already in use\n");
  CHECK(program.next().end);
}

TEST_CASE("without a channel the library does nothing") {
  Hosted program({.environment = {"SUPERVISOR_CHANNEL=77"}});
  const int socket = program.number("socket v4");
  CHECK(program.call("bind " + std::to_string(socket) + ' ' + program.pool().address()) == "-1 EADDRINUSE");
  CHECK(program.call("io-uring") != "");
  CHECK(program.quiet());
}

}  // namespace prefork::test
