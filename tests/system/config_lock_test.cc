#include "supervisor/system/config_lock.h"

#include <doctest/doctest.h>
#include <sys/stat.h>

#include <string>

#include "tests/config/temp_directory.h"
#include "tests/proto/open_descriptors.h"

namespace prefork {
namespace {

TEST_CASE("FAULTS 68: a configuration is locked once, until the lock is given up") {
  const TempDirectory directory;
  const std::string file = directory.file("pool.json", "{}");
  {
    const auto first = lock_config(file);
    REQUIRE(first.ok());
    const auto second = lock_config(file);
    REQUIRE_FALSE(second.ok());
    CHECK(second.error().message() == file + ": another supervisor runs with this configuration");
  }
  CHECK(lock_config(file).ok());
}

TEST_CASE("FAULTS 68: the lock is not inherited by what is started") {
  const TempDirectory directory;
  const auto lock = lock_config(directory.file("pool.json", "{}"));
  REQUIRE(lock.ok());
  CHECK(test::is_close_on_exec(lock.value().get()));
}

TEST_CASE("a configuration that cannot be opened is named, and a pipe in its place does not block") {
  const TempDirectory directory;
  CHECK(lock_config(directory.at("missing")).error().message() ==
        directory.at("missing") + ": No such file or directory");
  REQUIRE(::mkfifo(directory.at("pipe").c_str(), 0600) == 0);
  CHECK(lock_config(directory.at("pipe")).ok());
}

}  // namespace
}  // namespace prefork
