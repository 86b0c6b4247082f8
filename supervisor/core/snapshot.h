// A state as bytes (CBOR): numbers, texts, lists, and objects whose members have names. What an upgrade in
// place carries over is made of these. Names make it readable for a version that has a few more members, or a
// few less. It is written and read in one pass: a state of 100,000 connections is too large for a tree.
//
// A type takes part by listing its members once, for both directions:
//
//   template <typename Self, typename Visit>
//   static void visit_state(Self& self, Visit&& visit) {
//     visit("load", self.load);
//     …
//   }
//
// See snapshot_writer.h and snapshot_reader.h.
#pragma once

#include <chrono>
#include <cstdint>
#include <string>
#include <type_traits>

#include "supervisor/core/ids.h"

namespace prefork {

/// A part of a state that only its owner understands.
struct Snapshot {
  std::string cbor;  ///< one item; empty: null
  bool operator==(const Snapshot&) const = default;
};

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

/// Written as an integer.
template <typename T>
inline constexpr bool kIsNumber =
    kIsInstant<T> || kIsDuration<T> || kIsId<T> || std::is_integral_v<T> || std::is_enum_v<T>;

}  // namespace snapshot_detail
}  // namespace prefork
