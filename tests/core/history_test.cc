// Random histories: with any events in any order the invariants hold after each event, the pool becomes whole
// again when its workers behave, and a stop ends.
#include <doctest/doctest.h>
#include <rapidcheck.h>

#include <cstdint>
#include <vector>

#include "tests/core/world.h"

namespace prefork {
namespace {

/// Up to two thousand numbers of all sizes; those of a history that fails are shrunk towards a simpler one.
std::vector<std::uint32_t> random_draws() {
  const auto number = rc::gen::resize(rc::kNominalSize, rc::gen::arbitrary<std::uint32_t>());
  return *rc::gen::scale(20.0, rc::gen::container<std::vector<std::uint32_t>>(number));
}

TEST_CASE("after any history of faults the pool becomes whole, serves all connections and stops cleanly") {
  CHECK(rc::check("", [] {
    const auto numbers = random_draws();
    Draws draws(numbers);
    World world(draws);
    while (!draws.used_up() && !world.stop_requested()) world.step();
    if (!world.stop_requested()) world.recover();
    world.stop();
  }));
}

TEST_CASE("a stop in the middle of any history ends, and each connection is ended exactly once") {
  CHECK(rc::check("", [] {
    const auto numbers = random_draws();
    Draws draws(numbers);
    World world(draws);
    while (!draws.used_up()) world.step();
    world.stop();
  }));
}

}  // namespace
}  // namespace prefork
