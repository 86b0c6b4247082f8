// The examples of docs/examples, started as their first lines tell, but for addresses and directories.
#include <arpa/inet.h>
#include <doctest/doctest.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cstdint>
#include <cstdlib>
#include <fstream>
#include <iterator>
#include <set>
#include <string>

#include "proto/fd.h"
#include "tests/support/client.h"
#include "tests/support/sanitized.h"
#include "tests/support/supervisor_under_test.h"
#include "tests/support/test_directory.h"

using namespace prefork::test;

namespace {

const std::string kExamples = std::string(SOURCE_ROOT) + "/docs/examples/";

void replace_all(std::string& text, const std::string& what, const std::string& by) {
  REQUIRE_MESSAGE(text.find(what) != std::string::npos, what);
  for (std::size_t at = 0; (at = text.find(what, at)) != std::string::npos; at += by.size())
    text.replace(at, what.size(), by);
}

/// An example's file, with a control socket, and with another address.
std::string example(const std::string& name, const std::string& address, const std::string& mine) {
  std::ifstream in(kExamples + name);
  std::string text(std::istreambuf_iterator<char>(in), {});
  replace_all(text, address, mine);
  const std::size_t begin = text.find('{');
  REQUIRE(begin != std::string::npos);
  return text.insert(begin + 1, std::string(kWithControl) + ",");
}

bool installed(const std::string& program) {
  if (std::system(("command -v " + program + " >/dev/null").c_str()) == 0) return true;
  MESSAGE("skipped: " << program << " is not installed");
  return false;
}

/// A port of 127.0.0.1 that nothing listens at.
int free_port() {
  const prefork::Fd probe(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  socklen_t size = sizeof(address);
  auto* generic = reinterpret_cast<sockaddr*>(&address);
  REQUIRE(::bind(probe.get(), generic, size) == 0);
  REQUIRE(::getsockname(probe.get(), generic, &size) == 0);
  return ntohs(address.sin_port);
}

bool runs(const std::string& command) { return std::system(command.c_str()) == 0; }

/// A record of FastCGI.
std::string fastcgi(char kind, const std::string& content) {
  return std::string{'\1',
                     kind,
                     '\0',
                     '\1',
                     static_cast<char>(content.size() >> 8),
                     static_cast<char>(content.size() & 0xff),
                     '\0',
                     '\0'} +
         content;
}

std::string parameter(const std::string& name, const std::string& value) {
  return std::string{static_cast<char>(name.size()), static_cast<char>(value.size())} + name + value;
}

/// Of /proc/<pid>/smaps_rollup, in KiB.
std::uint64_t memory_of(pid_t pid, const std::string& field) {
  std::ifstream in("/proc/" + std::to_string(pid) + "/smaps_rollup");
  for (std::string line; std::getline(in, line);) {
    if (line.starts_with(field + ':')) return std::stoull(line.substr(field.size() + 1));
  }
  FAIL("no " << field);
  return 0;
}

}  // namespace

TEST_CASE("git.json: a repository can be cloned") {
  if (!installed("git")) return;
  const TestDirectory directory;
  const std::string at = directory.path();
  REQUIRE(runs("cd " + at +
               " && export HOME=$PWD GIT_AUTHOR_NAME=x GIT_AUTHOR_EMAIL=x GIT_COMMITTER_NAME=x "
               "GIT_COMMITTER_EMAIL=x && git init -q project && cd project && echo text > file && "
               "git add file && git commit -qm first"));
  std::string config = example("git.json", "127.0.0.1:9418", "127.0.0.1:0");
  replace_all(config, "/srv/git", at);
  SupervisorUnderTest supervisor(config, {.environment = {"HOME=" + at}});
  CHECK(runs("HOME=" + at + " git clone -q git://" + supervisor.address() + "/project " + at + "/clone"));
  CHECK(runs("test \"$(cat " + at + "/clone/file)\" = text"));
}

TEST_CASE("php.json: php-cgi answers a FastCGI request") {
  if (kSanitized || !installed("php-cgi")) return;  // the accept library is preloaded
  const TestDirectory directory;
  const std::string script = directory.write("index.php", "<?php echo 'hello from ', getmypid();");
  const std::string address = "127.0.0.1:" + std::to_string(free_port());
  SupervisorUnderTest supervisor(example("php.json", "127.0.0.1:9000", address), {});
  supervisor.wait_for_idle(8);
  const std::string request =
      fastcgi(1, std::string("\0\1\0\0\0\0\0\0", 8)) +
      fastcgi(4, parameter("SCRIPT_FILENAME", script) + parameter("REQUEST_METHOD", "GET")) + fastcgi(4, "") +
      fastcgi(5, "");
  CHECK(ask(supervisor.address(), request).find("hello from ") != std::string::npos);
}

TEST_CASE("model.json: the workers share the 200 MiB that their template has loaded") {
  if (kSanitized) return;  // its shadow memory is not shared
  std::string config = example("model.json", "127.0.0.1:8080", "127.0.0.1:0");
  replace_all(config, "./model", MODEL_EXAMPLE);
  SupervisorUnderTest supervisor(config, {});
  const PoolTable pool = supervisor.wait_for_idle(8);
  CHECK(ask(supervisor.address(), "2007\n") == "3.500000\n");
  std::size_t workers = 0;
  for (const WorkerText& worker : pool.workers) {
    if (worker.state == "template") continue;
    ++workers;
    const std::uint64_t own = memory_of(worker.pid, "Private_Clean") + memory_of(worker.pid, "Private_Dirty");
    CHECK(memory_of(worker.pid, "Rss") > 200 * 1024);
    CHECK(own < 10 * 1024);
  }
  CHECK(workers == 8);
}

TEST_CASE("child.c: a classic worker compiles without a library, and its copies take turns") {
  const TestDirectory directory;
  REQUIRE(runs("cc -O2 -Wall -Wextra -Werror " + kExamples + "child.c -o " + directory.at("child")));
  const std::string control = directory.at("control");
  SupervisorUnderTest supervisor(
      "", {.control = control,
           .arguments = {"run", "--listen", "127.0.0.1:0", "--protocol", "classic", "--workers", "4",
                         "--control", control, "--", directory.at("child")}});
  supervisor.wait_for_idle(4);
  std::set<std::string> answers;
  for (int i = 0; i < 4; ++i) {
    const std::string answer = ask(supervisor.address(), "");
    CHECK(answer.starts_with("served by "));
    answers.insert(answer);
    supervisor.wait_for_pool("it is idle again", [](const PoolTable& now) { return now.count("idle") == 4; });
  }
  CHECK(answers.size() == 4);
}
