#include "config/file.h"

#include <doctest/doctest.h>

#include "tests/config/parse.h"
#include "tests/config/temp_directory.h"

namespace prefork {
namespace {

std::string mistake_of(const std::string& file) {
  const auto result = load_config(file, system_programs());
  const auto* problems = std::get_if<ConfigProblems>(&result);
  REQUIRE(problems != nullptr);
  REQUIRE(problems->size() == 1);
  return problems->front().message();
}

TEST_SUITE_BEGIN("file");

TEST_CASE("a file is loaded from its path") {
  const TempDirectory directory;
  const auto result =
      load_config(directory.file("pool.json", pool_with("\"workers\": 3")), system_programs());
  REQUIRE(std::holds_alternative<Config>(result));
  CHECK(std::get<Config>(result).pools.front().workers == 3);
}

TEST_CASE("FAULTS 39: a file that is missing or cannot be read says so") {
  CHECK(mistake_of("/nonexistent/pool.json") ==
        "/nonexistent/pool.json: cannot be read: No such file or directory");
  CHECK(mistake_of("") == ": cannot be read: No such file or directory");
  const TempDirectory directory;
  const std::string file = directory.file("pool.json", "{}", 0);
  if (::geteuid() != 0) {
    CHECK(mistake_of(file) ==
          file + ": cannot be read by user " + std::to_string(::geteuid()) + ": Permission denied");
  }
  const std::string loop = directory.at("loop");
  std::filesystem::create_symlink(loop, loop);
  CHECK(mistake_of(loop) == loop + ": cannot be read: Too many levels of symbolic links");
}

TEST_CASE("FAULTS 39: a file that is not regular is refused at once") {
  const TempDirectory directory;
  CHECK(mistake_of(directory.path()) == directory.path() + ": is a directory; a regular file is needed");
  CHECK(mistake_of("/dev/zero") == "/dev/zero: is a device; a regular file is needed");
  const std::string fifo = directory.at("fifo");
  REQUIRE(::mkfifo(fifo.c_str(), 0600) == 0);
  CHECK(mistake_of(fifo) == fifo + ": is a FIFO; a regular file is needed");
}

TEST_CASE("FAULTS 39: a file of a gigabyte is not read") {
  const TempDirectory directory;
  const std::string file = directory.file("pool.json", "{}");
  constexpr off_t kGigabyte = off_t{1} << 30;
  REQUIRE(::truncate(file.c_str(), kGigabyte) == 0);
  CHECK(mistake_of(file) == file + ": is larger than 1 MiB");
}

TEST_CASE("FAULTS 39: a file that reports no size is read only up to the limit") {
  // Files of /proc say that they are empty.
  const auto text = read_config_file("/proc/self/status");
  REQUIRE(text.ok());
  CHECK(text.value().starts_with("Name:"));
  const TempDirectory directory;
  CHECK(read_config_file(directory.file("a", std::string(kMaxConfigBytes, ' '))).ok());
  const auto larger = read_config_file(directory.file("b", std::string(kMaxConfigBytes + 1, ' ')));
  REQUIRE_FALSE(larger.ok());
  CHECK(larger.error().message() == "is larger than 1 MiB");
}

TEST_SUITE_END();

}  // namespace
}  // namespace prefork
