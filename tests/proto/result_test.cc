#include "proto/result.h"

#include <doctest/doctest.h>

#include <cerrno>
#include <memory>
#include <string>
#include <utility>

namespace prefork {
namespace {

TEST_CASE("a result holds a value or the reason why there is none") {
  const Result<int> value = 7;
  REQUIRE(value.ok());
  CHECK(value.value() == 7);

  const Result<int> refusal = Error{"no such worker"};
  CHECK_FALSE(refusal);
  CHECK(refusal.error().what == "no such worker");
}

TEST_CASE("an error's message tells what failed and, when a system call did, why") {
  CHECK(Error{"pool web: no such user"}.message() == "pool web: no such user");
  CHECK(system_error("listen 127.0.0.1:80", EACCES).message() == "listen 127.0.0.1:80: Permission denied");
}

TEST_CASE("a system error remembers errno as the failed call left it") {
  errno = ENOENT;
  const Error error = system_error("open");
  errno = 0;
  CHECK(error.code == std::errc::no_such_file_or_directory);
}

TEST_CASE("a result gives up a value that can only be moved") {
  Result<std::unique_ptr<int>> result = std::make_unique<int>(3);
  const std::unique_ptr<int> taken = std::move(result).value();
  CHECK(*taken == 3);
}

TEST_CASE("a result of nothing is fine unless it holds an error") {
  CHECK(Result<void>());
  const Result<void> refusal = Error{"full"};
  CHECK_FALSE(refusal.ok());
  CHECK(refusal.error().what == "full");
}

TEST_CASE("a result whose value is an error-like thing is still a value") {
  const Result<std::string> text = std::string("error");
  CHECK(text.ok());
  CHECK(text.value() == "error");
}

}  // namespace
}  // namespace prefork
