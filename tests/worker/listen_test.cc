// The baseline without a supervisor: the same services in a process that accepts connections itself.
#include <doctest/doctest.h>

#include <csignal>

#include "tests/worker/hosted_worker.h"
#include "worker/program/listener.h"

namespace prefork::test {
namespace {

/// `supervisor-worker echo --listen`, and the address that it prints.
struct Listening {
  explicit Listening(const std::vector<std::string>& more = {}) : process(command(more), {}) {
    const std::string line = read_until(process.output(), "\n");
    constexpr std::string_view kBefore = "listening on ";
    REQUIRE(line.starts_with(kBefore));
    REQUIRE(line.ends_with("\n"));
    address = line.substr(kBefore.size(), line.size() - kBefore.size() - 1);
  }

  Process process;
  std::string address;

 private:
  static std::vector<std::string> command(const std::vector<std::string>& more) {
    std::vector<std::string> all{supervisor_worker(), "echo", "--listen", "127.0.0.1:0", "--workers", "2"};
    all.insert(all.end(), more.begin(), more.end());
    return all;
  }
};

void check_that_it_answers(const Listening& listening) {
  for (int i = 0; i < 20; ++i) {
    std::optional<Client> client = connect_to(listening.address);
    REQUIRE(client.has_value());
    client->send("hello");
    CHECK(client->receive_to_end() == "hello");
  }
}

TEST_CASE("one listener for all workers answers") { check_that_it_answers(Listening()); }

TEST_CASE("a listener for each worker answers, whichever the kernel chooses") {
  check_that_it_answers(Listening({"--reuse-port"}));
}

TEST_CASE("SIGTERM ends the parent and its workers") {
  Listening listening;
  listening.process.signal(SIGTERM);
  CHECK(listening.process.await_exit() == 0);
  CHECK_FALSE(connect_to(listening.address).has_value());
}

TEST_CASE("workers do not outlive a parent that is killed") {
  Listening listening;
  listening.process.signal(SIGKILL);
  CHECK(listening.process.await_exit() == -SIGKILL);
  // The workers have the other ends of the pipe: it ends with the last of them.
  CHECK(read_to_end(listening.process.errors()) == "");
  CHECK_FALSE(connect_to(listening.address).has_value());
}

TEST_CASE("the error for an address that cannot be bound names it") {
  const Listening listening;
  Process second({supervisor_worker(), "echo", "--listen", listening.address}, {});
  CHECK(second.await_exit() == 1);
  CHECK(read_to_end(second.errors()).find("listen " + listening.address + ": Address already in use") !=
        std::string::npos);
  Process wrong({supervisor_worker(), "echo", "--listen", "8080"}, {});
  CHECK(wrong.await_exit() == 2);
}

TEST_CASE("the three forms of an address are parsed") {
  const auto parsed = [](const std::string& text) {
    const Result<worker::Address> address = worker::parse_address(text);
    return address ? address.value().host + " " + address.value().port : "error";
  };
  CHECK(parsed("127.0.0.1:80") == "127.0.0.1 80");
  CHECK(parsed("[::1]:80") == "::1 80");
  CHECK(parsed(":80") == " 80");
  CHECK(parsed("80") == "error");
  CHECK(parsed("host:") == "error");
  CHECK(worker::text_of({.host = "::1", .port = "80"}) == "[::1]:80");
}

}  // namespace
}  // namespace prefork::test
