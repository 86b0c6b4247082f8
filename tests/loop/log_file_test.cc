// A log file of our own: opened again by its name, truncated by others, or not to be opened.
#include <doctest/doctest.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <chrono>
#include <filesystem>
#include <fstream>
#include <sstream>
#include <string>

#include "proto/fd.h"
#include "supervisor/loop/log.h"
#include "supervisor/loop/log_sink.h"
#include "tests/config/temp_directory.h"
#include "tests/support/in_a_child.h"

namespace prefork {
namespace {

using test::in_a_child;

constexpr Duration kLongEnough = std::chrono::seconds(20);

std::string text_of(const std::string& path) {
  std::ostringstream text;
  text << std::ifstream(path).rdbuf();
  return text.str();
}

Result<Fd> open_in(Log& log, const std::string& path) {
  return log.sink().open_file(path, std::chrono::steady_clock::now() + kLongEnough);
}

/// True when the log is written to the file.
bool go_on(Log& log, const std::string& path) {
  auto file = open_in(log, path);
  if (!file) return false;
  log.sink().go_on_in(path, std::move(file).value());
  return true;
}

void reopen(Log& log) {
  log.sink().reopen();
  log.write_rest(kLongEnough);
}

/// Standard error of a log under test: nothing may come there.
struct Elsewhere {
  Elsewhere() : file(::open(path().c_str(), O_WRONLY | O_CREAT | O_CLOEXEC, 0600)) {}
  [[nodiscard]] std::string path() const { return directory.at("stderr"); }
  TempDirectory directory;
  Fd file;
};

TEST_CASE(
    "FAULTS 126: a log file that was renamed is opened again; each line is in the old or the new file") {
  const Elsewhere standard_error;
  const TempDirectory directory;
  const std::string path = directory.at("log");
  Log log(standard_error.file.get());
  REQUIRE(go_on(log, path));
  REQUIRE(log.never_wait());
  std::size_t written = 0;
  const auto write = [&](std::size_t lines) {
    for (const std::size_t end = written + lines; written < end; ++written)
      log.write_line("line " + std::to_string(written) + ' ' + std::string(600, 'x'));
  };
  write(600);
  REQUIRE(::rename(path.c_str(), directory.at("log.1").c_str()) == 0);
  write(100);
  log.sink().reopen();
  write(400);
  log.write_rest(kLongEnough);
  CHECK_FALSE(log.waits());
  const std::string old_file = text_of(directory.at("log.1"));
  const std::string new_file = text_of(path);
  CHECK(old_file.ends_with('\n'));
  CHECK(new_file.find("log file opened again: " + path + '\n') != std::string::npos);
  std::istringstream lines(old_file + new_file);
  std::size_t next = 0;
  for (std::string line; std::getline(lines, line);) {
    if (line.starts_with("line ")) REQUIRE(line.starts_with("line " + std::to_string(next++) + ' '));
  }
  CHECK(next == written);
  struct stat info {};
  REQUIRE(::stat(path.c_str(), &info) == 0);
  CHECK((info.st_mode & 0137U) == 0);
  CHECK(text_of(standard_error.path()).empty());
}

TEST_CASE("FAULTS 126: a log file that is truncated has no NUL bytes: lines go to its end") {
  const Elsewhere standard_error;
  const TempDirectory directory;
  const std::string path = directory.at("log");
  Log log(standard_error.file.get());
  REQUIRE(go_on(log, path));
  REQUIRE(log.never_wait());
  log.write_line("before");
  log.write_rest(kLongEnough);
  REQUIRE(::truncate(path.c_str(), 0) == 0);
  reopen(log);
  log.write_line("after");
  log.write_rest(kLongEnough);
  CHECK(text_of(path) == "after\n");
}

TEST_CASE("FAULTS 127: a log file that cannot be opened again stays in use, and the log says why") {
  const Elsewhere standard_error;
  const TempDirectory directory;
  const std::string path = directory.at("logs/log");
  std::filesystem::create_directory(directory.at("logs"));
  Log log(standard_error.file.get());
  REQUIRE(go_on(log, path));
  REQUIRE(log.never_wait());
  std::filesystem::rename(directory.at("logs"), directory.at("old"));
  reopen(log);
  log.write_line("the next line");
  log.write_rest(kLongEnough);
  const std::string text = text_of(directory.at("old/log"));
  CHECK(text.find("log file: " + path +
                  " cannot be opened: No such file or directory; lines go on to the file") !=
        std::string::npos);
  CHECK(text.ends_with("the next line\n"));
  CHECK(log.sink().fault().starts_with(path + " cannot be opened: No such file or directory; lines go on"));
  std::filesystem::create_directory(directory.at("logs"));
  reopen(log);
  CHECK(log.sink().fault().empty());
}

TEST_CASE(
    "FAULTS 127: a user that may not create the file is named; a file that has not moved is kept in "
    "silence") {
  const Elsewhere standard_error;
  const TempDirectory directory;
  const std::string path = directory.at("log");
  REQUIRE(::chmod(directory.path().c_str(), 0755) == 0);
  CHECK(in_a_child([&] {
    Log log(standard_error.file.get());
    if (!go_on(log, path) || ::setresuid(60001, 60001, 60001) != 0 || !log.never_wait()) return false;
    reopen(log);
    return text_of(standard_error.path()).empty() && !log.waits();
  }));
  CHECK(text_of(path).empty());
  CHECK(in_a_child([&] {
    Log log(standard_error.file.get());
    if (!go_on(log, path) || ::setresuid(60001, 60001, 60001) != 0 || !log.never_wait()) return false;
    log.sink().go_on_in(directory.at("other"), Fd());
    reopen(log);
    return !log.waits();
  }));
  CHECK(text_of(path).find("/other cannot be opened by user 60001: Permission denied") != std::string::npos);
}

TEST_CASE("FAULTS 127: a symbolic link, a FIFO and a directory are refused as log files") {
  const Elsewhere standard_error;
  const TempDirectory directory;
  const auto refused = [&](const std::string& name) {
    Log log(standard_error.file.get());
    const auto file = open_in(log, directory.at(name));
    CHECK(log.sink().path().empty());
    return file ? "opened" : file.error().message().substr(directory.path().size());
  };
  (void)directory.file("target", "");
  REQUIRE(::symlink("target", directory.at("link").c_str()) == 0);
  REQUIRE(::mkfifo(directory.at("fifo").c_str(), 0600) == 0);
  std::filesystem::create_directory(directory.at("folder"));
  CHECK(refused("link") == "/link is a symbolic link, which is not followed");
  CHECK(refused("fifo") == "/fifo cannot be opened: No such device or address");
  const Fd reader(::open(directory.at("fifo").c_str(), O_RDONLY | O_NONBLOCK | O_CLOEXEC));
  CHECK(refused("fifo") == "/fifo is not a regular file");
  CHECK(refused("folder") == "/folder cannot be opened: Is a directory");
}

TEST_CASE("lines go back to standard error when there is no log file any more") {
  const Elsewhere standard_error;
  const TempDirectory directory;
  const std::string path = directory.at("log");
  Log log(standard_error.file.get());
  REQUIRE(log.never_wait());
  REQUIRE(go_on(log, path));
  const std::string descriptor = "/proc/self/fd/" + std::to_string(log.sink().file());
  log.write_line("in the file");
  log.write_rest(kLongEnough);
  CHECK(std::filesystem::exists(descriptor));
  log.sink().go_on_in("", Fd());
  log.write_line("elsewhere");
  log.write_rest(kLongEnough);
  CHECK(text_of(path) == "in the file\n");
  CHECK(text_of(standard_error.path()) == "elsewhere\n");
  CHECK_FALSE(std::filesystem::exists(descriptor));
  CHECK(log.sink().file() == -1);
}

TEST_CASE("the thread of a log file writes nothing to a pipe that lines go back to") {
  int ends[2];
  REQUIRE(::pipe2(ends, O_CLOEXEC) == 0);
  const Fd out(ends[0]);
  const Fd in(ends[1]);
  Log log(in.get());
  const TempDirectory directory;
  REQUIRE(log.never_wait());
  REQUIRE(go_on(log, directory.at("log")));
  const Fd filler(
      ::open(("/proc/self/fd/" + std::to_string(in.get())).c_str(), O_WRONLY | O_NONBLOCK | O_CLOEXEC));
  const std::string page(4096, 'x');
  while (::write(filler.get(), page.data(), page.size()) > 0) {
  }
  log.sink().go_on_in("", Fd());
  log.write_line("elsewhere");
  log.write_rest(std::chrono::milliseconds(100));
  CHECK_FALSE(log.writing());
  CHECK(log.waiting() == "elsewhere\n");
}

}  // namespace
}  // namespace prefork
