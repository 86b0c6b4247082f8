#include "supervisor/system/descriptor_limits.h"

#include <doctest/doctest.h>
#include <sys/resource.h>

#include "tests/support/in_a_child.h"

namespace prefork {
namespace {

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

}  // namespace
}  // namespace prefork
