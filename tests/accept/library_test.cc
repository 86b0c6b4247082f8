// The file of the library itself, and a program with another C library.
#include <dlfcn.h>
#include <doctest/doctest.h>
#include <unistd.h>

#include <array>
#include <cstdio>
#include <memory>
#include <sstream>
#include <string>

#include "tests/accept/hosted.h"

namespace prefork::test {
namespace {

std::string output_of(const std::string& command) {
  struct Close {
    void operator()(FILE* file) const { (void)::pclose(file); }
  };
  const std::unique_ptr<FILE, Close> pipe(::popen(command.c_str(), "r"));
  REQUIRE(pipe != nullptr);
  std::string text;
  std::array<char, 4096> bytes;
  while (const std::size_t size = std::fread(bytes.data(), 1, bytes.size(), pipe.get()))
    text.append(bytes.data(), size);
  return text;
}

}  // namespace

TEST_CASE("the library defines only functions of the C library, and needs nothing but that") {
  std::istringstream symbols(output_of("nm -D --defined-only --format=posix " ACCEPT_LIBRARY));
  int count = 0;
  for (std::string line; std::getline(symbols, line); ++count) {
    const std::string name = line.substr(0, line.find(' '));
    CHECK_MESSAGE(::dlsym(RTLD_DEFAULT, name.c_str()) != nullptr, name);
  }
  CHECK(count > 40);
  std::istringstream needed(output_of("readelf -d " ACCEPT_LIBRARY " | grep NEEDED"));
  for (std::string line; std::getline(needed, line);)
    CHECK_MESSAGE(line.find("[libc.so.6]") != std::string::npos, line);
  // Thread-local variables of its own could be allocated at their first use, in a signal handler.
  CHECK(output_of("readelf -lW " ACCEPT_LIBRARY " | grep -w TLS").empty());
}

TEST_CASE("a program with musl is served") {
  const std::string program = std::string(ACCEPT_PROGRAMS) + "/accept-loop-musl";
  if (::access(program.c_str(), X_OK) != 0) {
    MESSAGE("no musl-gcc was found at the build");
    return;
  }
  Hosted hosted({.command = {program, "PORT"}});
  hosted.expect(RecordKind::kReady, 8);
  for (int i = 0; i < 2; ++i) {
    const std::uint64_t ticket = hosted.dispatch();
    hosted.client(ticket).send("line\n");
    hosted.expect(RecordKind::kBusy, ticket);
    CHECK(hosted.client(ticket).receive(5) == "line\n");
    hosted.client(ticket).close();
    hosted.expect(RecordKind::kIdle, ticket);
  }
  hosted.say(RecordKind::kDrain);
  CHECK(hosted.await_exit() == 0);
}

}  // namespace prefork::test
