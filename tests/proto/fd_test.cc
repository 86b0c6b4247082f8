#include "proto/fd.h"

#include <doctest/doctest.h>
#include <fcntl.h>

#include <type_traits>
#include <utility>

#include "tests/proto/open_descriptors.h"

namespace prefork {
namespace {

using test::is_open;

Fd some_file() { return Fd(::open("/dev/null", O_RDONLY | O_CLOEXEC)); }

TEST_CASE("a descriptor is closed with its owner") {
  int number = -1;
  {
    const Fd owner = some_file();
    number = owner.get();
    CHECK(is_open(number));
  }
  CHECK_FALSE(is_open(number));
}

TEST_CASE("a new Fd owns no descriptor") {
  const Fd none;
  CHECK_FALSE(none.valid());
  CHECK(none.get() == -1);
}

TEST_CASE("a descriptor moves from owner to owner and stays open") {
  Fd first = some_file();
  const int number = first.get();
  Fd second = std::move(first);
  CHECK(second.get() == number);
  CHECK(is_open(number));
}

TEST_CASE("an Fd that takes another descriptor closes its former one") {
  Fd owner = some_file();
  const int former = owner.get();
  Fd other = some_file();
  const int latter = other.get();
  owner = std::move(other);
  CHECK_FALSE(is_open(former));
  CHECK(owner.get() == latter);
  CHECK(is_open(latter));
}

TEST_CASE("an Fd moved onto itself keeps its descriptor") {
  Fd owner = some_file();
  const int number = owner.get();
  Fd& same = owner;
  owner = std::move(same);
  CHECK(owner.get() == number);
  CHECK(is_open(number));
}

TEST_CASE("a released descriptor stays open and has no owner") {
  Fd owner = some_file();
  const Fd keeper(owner.release());
  CHECK_FALSE(owner.valid());
  owner.reset();
  CHECK(is_open(keeper.get()));
}

static_assert(!std::is_copy_constructible_v<Fd> && !std::is_copy_assignable_v<Fd>);

}  // namespace
}  // namespace prefork
