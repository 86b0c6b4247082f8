#include "proto/descriptors_from.h"

#include <doctest/doctest.h>
#include <fcntl.h>
#include <sys/resource.h>
#include <unistd.h>

#include <cerrno>

#include "proto/fd.h"
#include "tests/proto/open_descriptors.h"
#include "tests/support/deny_call.h"
#include "tests/support/in_a_child.h"

namespace prefork {
namespace {

using namespace test;

/// Closes what is open from a number on, and marks others.
bool closes_and_marks() {
  const Fd first(::fcntl(STDOUT_FILENO, F_DUPFD, 100));
  const Fd second(::fcntl(STDOUT_FILENO, F_DUPFD, 900));
  set_close_on_exec_from(first.get() + 1);
  if (is_close_on_exec(first.get()) || !is_close_on_exec(second.get())) return false;
  close_descriptors_from(second.get());
  if (is_open(second.get()) || !is_open(first.get())) return false;
  close_descriptors_from(first.get());
  return !is_open(first.get());
}

TEST_CASE("descriptors from a number on are closed, or closed at an exec") {
  CHECK(in_a_child(closes_and_marks));
}

TEST_CASE("FAULTS 109: descriptors are closed one by one where close_range is denied") {
  for (const int error : {ENOSYS, EPERM})
    CHECK(in_a_child([error] { return deny_call("close_range", error) && closes_and_marks(); }));
}

TEST_CASE("FAULTS 109: descriptors are closed where close_range is denied and /proc cannot be read") {
  CHECK(in_a_child([] {
    const rlimit limit{.rlim_cur = 2000, .rlim_max = 2000};
    return ::setrlimit(RLIMIT_NOFILE, &limit) == 0 && deny_call("close_range", EPERM) &&
           deny_call("getdents64", EPERM) && closes_and_marks();
  }));
}

}  // namespace
}  // namespace prefork
