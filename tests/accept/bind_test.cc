// Which sockets become the pool's listener, and what the program sees of them.
#include <doctest/doctest.h>
#include <unistd.h>

#include <filesystem>
#include <string>

#include "tests/accept/hosted.h"
#include "tests/support/process_list.h"

namespace prefork::test {
namespace {

std::string on(int descriptor, const std::string& call, const std::string& more = "") {
  return call + ' ' + std::to_string(descriptor) + (more.empty() ? "" : ' ' + more);
}

/// The program binds `bound` with a socket of `domain` in a pool at `pool`, PORT being the pool's, and serves
/// one connection. Returns the address of the client as accept() has told it.
std::string serve_one(const std::string& pool, const std::string& domain, const std::string& bound) {
  Hosted program({.listen = {pool}});
  std::string address = bound;
  const std::size_t port = address.find("PORT");
  if (port != std::string::npos) address.replace(port, 4, program.pool().port());
  const int listener = program.number("socket " + domain);
  REQUIRE(program.call(on(listener, "bind", address)) == "0");
  REQUIRE(program.call(on(listener, "listen")) == "0");
  CHECK(program.call(on(listener, "getsockname")) == "0 " + address);
  CHECK(program.quiet());
  const std::uint64_t ticket =
      program.dispatch(0, domain == "v4" ? "127.0.0.1:" + program.pool().port() : "");
  const std::string accepted = program.call(on(listener, "accept"));
  program.expect_now(RecordKind::kReady, 8);
  program.expect_now(RecordKind::kBusy, ticket);
  const std::string number = accepted.substr(0, accepted.find(' '));
  program.client(ticket).send("a");
  CHECK(program.call("read " + number + " 9") == "1 a");
  const std::string peer = accepted.substr(number.size() + 1);
  CHECK(program.call("getpeername " + number) == "0 " + peer);
  CHECK(program.call("close " + number) == "0");
  program.expect_now(RecordKind::kIdle, ticket);
  return peer;
}

}  // namespace

TEST_CASE("a socket bound at the pool's address is the pool's listener") {
  CHECK(serve_one("127.0.0.1:0", "v4", "127.0.0.1:PORT").starts_with("127.0.0.1:"));
  CHECK(serve_one("[::1]:0", "v6", "[::1]:PORT").starts_with("[::1]:"));
}

TEST_CASE("FAULTS 253: a wildcard address matches a specific one, in the program and in the pool") {
  CHECK(serve_one("127.0.0.1:0", "v4", "0.0.0.0:PORT").starts_with("127.0.0.1:"));
  CHECK(serve_one("0.0.0.0:0", "v4", "127.0.0.1:PORT").starts_with("127.0.0.1:"));
  CHECK(serve_one("[::]:0", "v6", "[::1]:PORT").starts_with("["));
}

TEST_CASE("FAULTS 253: a mapped address matches, and the program sees clients in the family of its socket") {
  CHECK(serve_one("127.0.0.1:0", "v6", "[::ffff:127.0.0.1]:PORT").starts_with("[::ffff:127.0.0.1]:"));
  CHECK(serve_one("127.0.0.1:0", "v6", "[::]:PORT").starts_with("[::ffff:127.0.0.1]:"));
  CHECK(serve_one("[::]:0", "v4", "0.0.0.0:PORT").starts_with("127.0.0.1:"));
}

TEST_CASE("an abstract unix name is the pool's listener") {
  const std::string name = "unix:@accept-test-" + std::to_string(::getpid());
  CHECK(serve_one(name, "unix", name) == "unix:");
}

TEST_CASE("FAULTS 254: the options of the listener are those of each connection") {
  Hosted program;
  const int listener = program.listens("nonblock");
  REQUIRE(program.call(on(listener, "option", "nodelay 1")) == "0");
  REQUIRE(program.call(on(listener, "option", "keepalive 1")) == "0");
  CHECK(program.call(on(listener, "option", "nodelay")) == "0 1");
  const std::uint64_t ticket = program.dispatch();
  CHECK(program.call(on(listener, "poll", "0")) == "1");
  program.expect_now(RecordKind::kReady, 8);
  const int connection = program.accepts(listener, ticket);
  CHECK(program.call(on(connection, "option", "nodelay")) == "0 1");
  CHECK(program.call(on(connection, "option", "keepalive")) == "0 1");
  CHECK(program.call(on(connection, "getfl")) == "0");
  CHECK(program.call(on(connection, "close")) == "0");
  program.expect_now(RecordKind::kIdle, ticket);
}

TEST_CASE(
    "FAULTS 254: a program that removes the file of its unix socket before it binds does not remove the "
    "pool's") {
  Hosted program({.listen = {"unix:TEST_DIRECTORY/pool.sock"}});
  const std::string path = program.directory().at("pool.sock");
  const std::string other = program.directory().write("other", "");
  CHECK(program.call("unlink " + other) == "0");
  CHECK(::access(other.c_str(), F_OK) != 0);
  const std::filesystem::path directory(program.directory().path());
  CHECK(program.call("unlink " + (directory / ".." / directory.filename() / "pool.sock").string()) == "0");
  CHECK(program.call("unlink " + path) == "0");
  CHECK(::access(path.c_str(), F_OK) == 0);
  const int listener = program.ready();
  CHECK(program.call(on(listener, "getsockname")) == "0 unix:" + path);
  const std::uint64_t ticket = program.dispatch();
  const int connection = program.accepts(listener, ticket);
  CHECK(program.call(on(connection, "getsockname")) == "0 unix:" + path);
  REQUIRE(program.call(on(connection, "close")) == "0");
  program.expect_now(RecordKind::kIdle, ticket);
  CHECK(program.call(on(listener, "close")) == "0");
  program.expect_now(RecordKind::kLeave);
  CHECK(program.call("unlink " + path) == "0");  // as programs do at their end
  CHECK(::access(path.c_str(), F_OK) == 0);
}

TEST_CASE(
    "FAULTS 290: a program that removes the file of its unix socket by another path, when the supervisor has "
    "removed it, does not fail") {
  Hosted program({.listen = {"unix:TEST_DIRECTORY/pool.sock"}});
  const std::filesystem::path directory(program.directory().path());
  REQUIRE(::unlink(program.directory().at("pool.sock").c_str()) == 0);
  const std::string detour = (directory / ".." / directory.filename()).string();
  CHECK(program.call("unlink " + detour + "/pool.sock") == "0");
  CHECK(program.call("unlink " + detour + "/pool.sock2") != "0");
  CHECK(program.call("unlink " + detour + "/../pool.sock") != "0");
}

TEST_CASE("a program keeps the sockets that it has at other addresses") {
  Hosted program;
  const int other = program.number("socket v4 nonblock");
  REQUIRE(program.call(on(other, "bind", "127.0.0.1:0")) == "0");
  REQUIRE(program.call(on(other, "listen")) == "0");
  const std::string address = program.call(on(other, "getsockname")).substr(2);
  const Arrival note = program.next();
  CHECK(note.record.kind == RecordKind::kNote);
  CHECK(note.text == "listens at " + address);
  const Client client(address);
  const std::string accepted = program.call(on(other, "accept"));
  CHECK(accepted.find("127.0.0.1") != std::string::npos);
  CHECK(program.call("close " + accepted.substr(0, accepted.find(' '))) == "0");
  CHECK(program.call(on(other, "close")) == "0");
  CHECK(program.quiet());
  CHECK(program.ready() >= 0);
}

TEST_CASE("a datagram socket and a second process at the pool's port are not the pool's listener") {
  Hosted program;
  const int datagrams = program.number("socket v4 dgram");
  CHECK(program.call(on(datagrams, "bind", program.pool().address())) == "0");
  CHECK(program.call(on(datagrams, "listen")) == "-1 EOPNOTSUPP");
  CHECK(program.call("close " + std::to_string(datagrams)) == "0");
  CHECK(program.ready() >= 0);
}

TEST_CASE("a listener answers as a listening socket does") {
  Hosted program;
  const int listener = program.number("socket v4");
  CHECK(program.call(on(listener, "option", "acceptconn")) == "0 0");
  REQUIRE(program.call(on(listener, "option", "reuseaddr 1")) == "0");
  REQUIRE(program.call(on(listener, "bind", program.pool().address())) == "0");
  CHECK(program.call(on(listener, "option", "acceptconn")) == "0 0");
  REQUIRE(program.call(on(listener, "listen")) == "0");
  CHECK(program.call(on(listener, "listen")) == "0");  // a second time is allowed
  CHECK(program.call(on(listener, "option", "acceptconn")) == "0 1");
  CHECK(program.call(on(listener, "option", "type")) == "0 1");
  CHECK(program.call(on(listener, "option", "domain")) == "0 2");
  CHECK(program.call(on(listener, "option", "error")) == "0 0");
  CHECK(program.call(on(listener, "option", "reuseaddr")) == "0 1");
  CHECK(program.call(on(listener, "getpeername")) == "-1 ENOTCONN");
  CHECK(program.call(on(listener, "bind", program.pool().address())) == "-1 EINVAL");
}

TEST_CASE("FAULTS 252: the library's own descriptors are out of the program's sight and reach") {
  Hosted program;
  const int listener = program.ready();
  CHECK(listener <= 4);  // 3 may be the channel
  const int next = program.number("socket v4");
  CHECK(next <= 5);
  REQUIRE(program.call(on(next, "close")) == "0");
  for (const int number : descriptor_numbers_of(program.pid())) {
    if (number <= listener || (number >= 100 && number < 120)) continue;
    CHECK(number > 200);  // from the limit of descriptors down
    CHECK(program.call(on(number, "close")) == "-1 EBADF");
    CHECK(program.call(on(0, "dup2", std::to_string(number))).starts_with("-1 "));
  }
  const std::uint64_t ticket = program.dispatch();
  const int connection = program.accepts(listener, ticket);
  REQUIRE(program.call(on(connection, "close")) == "0");
  program.expect_now(RecordKind::kIdle, ticket);
}

TEST_CASE("FAULTS 252: a program that closes all descriptors at its start or later is served") {
  for (const std::string how :
       {"closefrom 3", "close-range 3 4294967295", "sys-close-range 3 4294967295", "close-each 3"}) {
    CAPTURE(how);
    Hosted program;
    REQUIRE(program.call(how) == "0");
    const int first = program.number("socket v4");
    CHECK(first <= 4);
    REQUIRE(program.call(on(first, "close")) == "0");
    const int listener = program.ready();
    const std::uint64_t ticket = program.dispatch();
    const int connection = program.accepts(listener, ticket);
    REQUIRE(program.call("close-range " + std::to_string(connection) + " 4294967295") == "0");
    program.expect_now(RecordKind::kIdle, ticket);
    CHECK(program.call(on(connection, "close")) == "-1 EBADF");
    const std::uint64_t second = program.dispatch();
    const int again = program.accepts(listener, second);
    REQUIRE(program.call(on(again, "close")) == "0");
    program.expect_now(RecordKind::kIdle, second);
  }
}

TEST_CASE("FAULTS 252: a wrapper hands the channel on to the program that it starts") {
  Hosted program({.command = {"sh", "-c", "true; exec \"$0\"", remote_program()}});
  const int listener = program.ready();
  const std::uint64_t ticket = program.dispatch();
  const int connection = program.accepts(listener, ticket);
  REQUIRE(program.call(on(connection, "close")) == "0");
  program.expect_now(RecordKind::kIdle, ticket);
}

}  // namespace prefork::test
