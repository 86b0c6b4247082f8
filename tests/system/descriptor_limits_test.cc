#include "supervisor/system/descriptor_limits.h"

#include <doctest/doctest.h>
#include <sys/resource.h>

#include <cerrno>

#include "tests/support/deny_call.h"
#include "tests/support/in_a_child.h"

namespace prefork {
namespace {

using test::deny_call;
using test::in_a_child;

TEST_CASE("the limit of descriptors is raised to the hard one, and what it was is remembered for workers") {
  CHECK(in_a_child([] {
    rlimit limit{};
    (void)::getrlimit(RLIMIT_NOFILE, &limit);
    limit.rlim_cur = 100;
    (void)::setrlimit(RLIMIT_NOFILE, &limit);
    const rlimit original = raise_descriptor_limit();
    return original.rlim_cur == 100 && descriptor_limit() == limit.rlim_max;
  }));
}

TEST_CASE("a limit that the system does not tell is not taken for 0") {
  CHECK(in_a_child([] {
    const std::size_t before = descriptor_limit();
    if (!deny_call("prlimit64", EPERM)) return false;
    const std::size_t older_call = descriptor_limit();
    if (!deny_call("getrlimit", EPERM)) return false;
    return (older_call == before || older_call == 1024) && descriptor_limit() == 1024;
  }));
}

}  // namespace
}  // namespace prefork
