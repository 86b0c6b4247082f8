// A state as plain values: numbers, texts, lists, and objects whose members have names. An upgrade in place
// carries the state over into the new program in this form. The names let a version read it that has a few
// members more, or less.
//
// A type takes part by listing its members once, for both directions:
//
//   template <typename Self, typename Visit>
//   static void visit_state(Self& self, Visit&& visit) {
//     visit("load", self.load);
//     …
//   }
//
// snapshot_writer.h and snapshot_reader.h convert.
#pragma once

#include <chrono>
#include <cstdint>
#include <string>
#include <type_traits>
#include <variant>
#include <vector>

#include "supervisor/core/ids.h"

namespace prefork {

struct Snapshot {
  using List = std::vector<Snapshot>;
  struct Object {
    std::vector<std::string> names;
    std::vector<Snapshot> values;  ///< as many
  };

  std::variant<std::monostate, std::int64_t, double, std::string, List, Object> value;
};

[[nodiscard]] bool operator==(const Snapshot::Object& a, const Snapshot::Object& b);
[[nodiscard]] bool operator==(const Snapshot& a, const Snapshot& b);

namespace snapshot_detail {

struct Ignore {
  template <typename T>
  void operator()(const char* /*name*/, T& /*value*/) const {}
};

template <typename T>
concept Listed = requires(T& value, Ignore& visit) {
  std::remove_const_t<T>::visit_state(value, visit);
};

template <typename T>
inline constexpr bool kIsId = false;
template <typename Tag, unsigned SlotBits>
inline constexpr bool kIsId<SlotId<Tag, SlotBits>> = true;

template <typename T>
inline constexpr bool kIsDuration = false;
template <typename Rep, typename Period>
inline constexpr bool kIsDuration<std::chrono::duration<Rep, Period>> = true;

template <typename T>
inline constexpr bool kIsInstant = std::is_same_v<T, Instant>;

}  // namespace snapshot_detail
}  // namespace prefork
