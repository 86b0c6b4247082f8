// The child that reads the file for a reload, and what it may do wrong. That it reads: e2e/reload, e2e/names.
#include "supervisor/app/config_reading.h"

#include <doctest/doctest.h>
#include <fcntl.h>
#include <unistd.h>

#include <fstream>
#include <string>

#include "supervisor/state/state_file.h"
#include "tests/config/temp_directory.h"
#include "tests/support/in_a_child.h"

namespace prefork {
namespace {

/// A script stands for the program that reads.
struct Reading final : public ConfigReading::Owner {
  explicit Reading(const std::string& script, ConfigReading::Patience patience = {})
      : program(directory.file("program", "#!/bin/sh\n" + script, 0755)),
        reading(loop, log, *this, program, patience) {}

  /// Why it was refused; empty: it was not.
  std::string outcome() {
    ConfigRequest request;
    request.file = "pool.json";
    reading.start(request);
    loop.run();
    return said;
  }
  void config_read(const Result<ConfigAnswer>& answer) override {
    said = answer ? "" : answer.error().message();
    if (answer) text = answer.value().text;
    CHECK_FALSE(reading.running());
    loop.stop();
  }

  TempDirectory directory;
  std::string program;
  Loop loop;
  Log log{2};
  std::string said = "nothing";
  std::string text;
  ConfigReading reading;
};

TEST_CASE(
    "FAULTS 122: a reader that ends without an answer is a refusal that says how, and what it did last") {
  CHECK(Reading("exit 3").outcome() == "pool.json: the program that reads it exited with status 3");
  CHECK(Reading("echo out of memory >&2; exit 1").outcome() ==
        "pool.json: the program that reads it exited with status 1: out of memory");
  CHECK(Reading("echo 'asks: pool.json: /user: the user \"x\"'; kill -SEGV $$").outcome() ==
        "pool.json: the program that reads it was killed by signal 11: pool.json: /user: the user \"x\"");
}

TEST_CASE("FAULTS 122: an answer that is missing, garbage or too long is refused") {
  const std::string improper = "pool.json: the program that reads it has not answered properly: ";
  CHECK(Reading("exit 0").outcome() == improper + "the state is not a sealed memfd");
  CHECK(Reading("echo garbage >&4").outcome() == improper + "the state is not a sealed memfd");
  CHECK(Reading("dd if=/dev/zero bs=1M count=17 >&4 2>/dev/null").outcome() ==
        improper + "the answer is too long");
  CHECK(Reading(R"(exec python3 -c '
import fcntl
open(4, "wb", closefd=False).write(b"x" * 100)
fcntl.fcntl(4, 1033, 15)')")
            .outcome() == improper + "the state was not written by a supervisor");
}

TEST_CASE(
    "FAULTS 87: a reader that is silent is started once more, and then refused with its last question") {
  Reading reading(
      "echo started >> \"$(dirname \"$0\")/starts\"\n"
      "echo 'asks: pool.json: /listen: the host \"db\"'\n"
      "exec sleep 60",
      {.first = std::chrono::milliseconds(200), .second = std::chrono::milliseconds(900)});
  CHECK(reading.outcome() == "pool.json: /listen: the host \"db\": no answer within 1 s");
  std::ifstream starts(reading.directory.at("starts"));
  std::string line;
  int count = 0;
  while (std::getline(starts, line)) ++count;
  CHECK(count == 2);
}

TEST_CASE("FAULTS 109: where no child can be started the supervisor itself reads the file") {
  Reading reading("");
  REQUIRE(::unlink(reading.program.c_str()) == 0);
  ConfigRequest request;
  request.file = reading.directory.file("pool.json", R"({"listen": ":0", "command": ["/bin/true"]})");
  request.text_in_force = "{}";
  reading.reading.start(request);
  CHECK(reading.said.empty());
  CHECK(reading.text == R"({"listen": ":0", "command": ["/bin/true"]})");
}

/// What the child does with a request, while this process is its parent.
bool is_answered(const ConfigRequest& request) {
  return test::in_a_child([&] {
    const auto asked = seal_request(request);
    const auto answer = create_state_file();
    if (!asked || !answer) return false;
    const Fd from(::fcntl(asked.value().get(), F_DUPFD_CLOEXEC, 10));
    const Fd to(::fcntl(answer.value().get(), F_DUPFD_CLOEXEC, 10));
    const Fd quiet(::open("/dev/null", O_WRONLY | O_CLOEXEC));
    if (::dup2(quiet.get(), 1) < 0 || ::dup2(from.get(), 3) < 0 || ::dup2(to.get(), 4) < 0) return false;
    return answer_config_request() == 0 && read_answer(to).ok();
  });
}

TEST_CASE("FAULTS 177: a reader whose supervisor has died before it could notice asks nothing, and ends") {
  const TempDirectory directory;
  ConfigRequest request;
  request.file = directory.file("pool.json", R"({"listen": ":0", "command": ["/bin/true"]})");
  request.text_in_force = "{}";
  request.supervisor = ::getpid();
  CHECK(is_answered(request));
  request.supervisor = 0;  // an earlier version
  CHECK(is_answered(request));
  request.supervisor = ::getppid();
  CHECK_FALSE(is_answered(request));
}

TEST_CASE("a reading that is stopped tells nothing") {
  Reading reading("exec sleep 60");
  reading.reading.start({});
  CHECK(reading.reading.running());
  reading.reading.stop();
  CHECK_FALSE(reading.reading.running());
  reading.loop.run_once();
  CHECK(reading.said == "nothing");
}

}  // namespace
}  // namespace prefork
