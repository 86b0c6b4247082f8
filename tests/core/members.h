// How many members a structure has, and how many it lists for its snapshot: a test fails when a member is not
// listed.
#pragma once

#include <cstddef>
#include <utility>

namespace prefork {

/// Stands for a member of any type.
struct AnyMember {
  template <typename T>
  operator T() const;  // NOLINT(google-explicit-constructor)
};

template <typename T, std::size_t... I>
constexpr bool takes_members(std::index_sequence<I...> /*count*/) {
  return requires { T{(static_cast<void>(I), AnyMember{})...}; };
}

template <typename T, std::size_t Count = 0>
constexpr std::size_t members_of() {
  if constexpr (takes_members<T>(std::make_index_sequence<Count + 1>())) {
    return members_of<T, Count + 1>();
  } else {
    return Count;
  }
}

template <typename T>
std::size_t listed_of() {
  std::size_t count = 0;
  T value{};
  T::visit_state(value, [&count](const char*, auto&) { ++count; });
  return count;
}

}  // namespace prefork
