// A worker written from docs/protocol.md alone, in a language without a library.
#include <doctest/doctest.h>
#include <unistd.h>

#include <fstream>
#include <sstream>

#include "tests/worker/hosted_worker.h"

namespace prefork::test {
namespace {

const std::string kProgram = std::string(SOURCE_ROOT) + "/tests/support/python_worker.py";

std::string contents(const std::string& path) {
  const std::ifstream file(path);
  REQUIRE_MESSAGE(file.good(), path);
  std::ostringstream text;
  text << file.rdbuf();
  return text.str();
}

TEST_CASE("the example in the specification is the tested program") {
  const std::string specification = contents(std::string(SOURCE_ROOT) + "/docs/protocol.md");
  CHECK(specification.find("```python\n" + contents(kProgram) + "```\n") != std::string::npos);
}

TEST_CASE("the Python worker serves connections one after the other") {
  HostedWorker worker({"python3", kProgram});
  CHECK(worker.await() == Record{.kind = RecordKind::kReady, .value = kProtocolVersion, .ticket = 1});
  for (std::uint64_t ticket = 1; ticket <= 3; ++ticket) {
    Client client = worker.dispatch(ticket);
    CHECK(worker.await() == Record{.kind = RecordKind::kBusy, .ticket = ticket});
    client.send("hello");
    CHECK(client.receive_to_end() == "HELLO");
    CHECK(worker.await() == Record{.kind = RecordKind::kIdle, .ticket = ticket});
  }
}

TEST_CASE("the Python worker refuses a connection without a socket") {
  HostedWorker worker({"python3", kProgram});
  CHECK(worker.await().kind == RecordKind::kReady);
  REQUIRE(worker.channel().send({.kind = RecordKind::kConnection, .ticket = 4}) == SendStatus::kSent);
  CHECK(worker.await() == Record{.kind = RecordKind::kRefused, .ticket = 4});
}

TEST_CASE("the Python worker answers Ping and leaves on Drain and at the channel's end") {
  HostedWorker worker({"python3", kProgram});
  CHECK(worker.await().kind == RecordKind::kReady);
  worker.say(RecordKind::kPing);
  CHECK(worker.await().kind == RecordKind::kPong);
  SUBCASE("Drain") { worker.say(RecordKind::kDrain); }
  SUBCASE("the channel's end") { worker.channel().close(); }
  CHECK(worker.process().await_exit() == 0);
}

}  // namespace
}  // namespace prefork::test
