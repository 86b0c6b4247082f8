// The part of snapshot_reader.h for single values: numbers, texts, and objects whose members have names.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <random>
#include <span>
#include <sstream>
#include <string>
#include <string_view>
#include <type_traits>
#include <variant>

#include "supervisor/core/snapshot.h"

namespace prefork {

/// Returns what is wrong, and then has filled only a part of `value`; or an empty text.
template <typename T>
[[nodiscard]] std::string from_snapshot(const Snapshot& snapshot, T& value);

namespace snapshot_detail {

template <typename T>
std::string read(const Snapshot& from, T& value);

/// Members by name. Fast when they are asked for in the order in which they stand.
class Members {
 public:
  Members(std::span<const std::string> names, std::span<const Snapshot> values)
      : names_(names), values_(values) {}
  [[nodiscard]] const Snapshot* find(std::string_view name) {
    const std::size_t count = std::min(names_.size(), values_.size());
    for (std::size_t i = 0; i < count; ++i) {
      const std::size_t at = (next_ + i) % count;
      if (names_[at] != name) continue;
      next_ = at + 1;
      return &values_[at];
    }
    return nullptr;
  }

 private:
  std::span<const std::string> names_;
  std::span<const Snapshot> values_;
  std::size_t next_ = 0;
};

template <typename T>
std::string read_members(Members members, T& value) {
  std::string wrong;
  T::visit_state(value, [&](const char* name, auto& member) {
    const Snapshot* found = wrong.empty() ? members.find(name) : nullptr;
    if (found == nullptr) return;
    const std::string error = from_snapshot(*found, member);
    if (!error.empty()) wrong = std::string(name) + (error[0] == ':' || error[0] == '[' ? "" : ".") + error;
  });
  return wrong;
}

inline std::string expected(const char* what) { return std::string(": ") + what + " is expected"; }

template <typename T>
void from_number(std::int64_t number, T& value) {
  if constexpr (kIsInstant<T>) {
    value = T(std::chrono::duration_cast<typename T::duration>(Duration(number)));
  } else if constexpr (kIsId<T>) {
    value.value = static_cast<std::uint64_t>(number);
  } else {
    value = static_cast<T>(number);
  }
}

template <typename T>
inline constexpr bool kIsNumber =
    kIsInstant<T> || kIsDuration<T> || kIsId<T> || std::is_integral_v<T> || std::is_enum_v<T>;

template <typename T>
std::string read(const Snapshot& from, T& value) {
  if constexpr (kIsNumber<T>) {
    const auto* number = std::get_if<std::int64_t>(&from.value);
    if (number == nullptr) return expected("a number");
    from_number(*number, value);
    return "";
  } else {
    const auto* object = std::get_if<Snapshot::Object>(&from.value);
    if (object == nullptr) return expected("an object");
    return read_members(Members(object->names, object->values), value);
  }
}

inline std::string read(const Snapshot& from, double& value) {
  const auto* number = std::get_if<double>(&from.value);
  if (number == nullptr) return expected("a real number");
  value = *number;
  return "";
}

inline std::string read(const Snapshot& from, std::minstd_rand& value) {
  const auto* text = std::get_if<std::string>(&from.value);
  if (text == nullptr || !(std::istringstream(*text) >> value)) return expected("a random engine");
  return "";
}

inline std::string read(const Snapshot& from, Snapshot& value) {
  value = from;
  return "";
}

inline std::string read(const Snapshot& from, std::string& value) {
  const auto* text = std::get_if<std::string>(&from.value);
  if (text == nullptr) return expected("a text");
  value = *text;
  return "";
}

}  // namespace snapshot_detail
}  // namespace prefork
