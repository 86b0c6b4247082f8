// Snapshot → values of the program's own types. A member that the snapshot does not have keeps the value it
// has; one that nobody asks for is passed over; one that does not fit its type is an error.
#pragma once

#include <algorithm>
#include <array>
#include <cstddef>
#include <optional>
#include <random>
#include <span>
#include <sstream>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "supervisor/core/snapshot.h"

namespace prefork {

/// What is wrong, or empty. `value` is half filled then.
template <typename T>
[[nodiscard]] std::string from_snapshot(const Snapshot& snapshot, T& value);

namespace snapshot_detail {

template <typename T>
std::string read(const Snapshot& from, T& value);

/// Members by name, in the order in which they most likely stand.
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

template <typename T>
std::string read(const Snapshot& from, std::optional<T>& value) {
  value.reset();
  if (std::holds_alternative<std::monostate>(from.value)) return "";
  T present{};
  std::string error = from_snapshot(from, present);
  value.emplace(std::move(present));
  return error;
}

/// Reads each of `rows` into a new element. The name of an element that is wrong stands before what is wrong
/// with it.
template <typename T, typename Read>
std::string read_each(std::span<const Snapshot> rows, std::vector<T>& values, Read read_one) {
  values.clear();
  values.reserve(rows.size());
  for (const Snapshot& row : rows) {
    T value{};
    const std::string error = read_one(row, value);
    if (!error.empty())
      return "[" + std::to_string(values.size()) + "]" + (error[0] == ':' ? "" : ".") + error;
    values.push_back(std::move(value));
  }
  return "";
}

template <typename T>
std::string read_table(const Snapshot::List& table, std::vector<T>& values) {
  std::vector<std::string> names;
  if (!table.empty()) {
    if (std::string error = from_snapshot(table.front(), names); !error.empty()) return error;
  }
  const auto rows = std::span(table).subspan(table.empty() ? 0 : 1);
  return read_each(rows, values, [&names](const Snapshot& row, T& value) {
    const auto* members = std::get_if<Snapshot::List>(&row.value);
    if (members == nullptr || members->size() != names.size()) return expected("a row of the table");
    return read_members(Members(names, *members), value);
  });
}

template <typename T>
std::string read(const Snapshot& from, std::vector<T>& values) {
  const auto* list = std::get_if<Snapshot::List>(&from.value);
  if (list == nullptr) return expected("a list");
  if constexpr (Listed<T>) {
    return read_table(*list, values);
  } else {
    return read_each(std::span(*list), values,
                     [](const Snapshot& row, T& value) { return from_snapshot(row, value); });
  }
}

template <typename T, std::size_t Size>
std::string read(const Snapshot& from, std::array<T, Size>& values) {
  std::vector<T> list;
  if (std::string error = read(from, list); !error.empty()) return error;
  if (list.size() != Size) return expected("a list of another length");
  std::copy(list.begin(), list.end(), values.begin());
  return "";
}

}  // namespace snapshot_detail

template <typename T>
std::string from_snapshot(const Snapshot& snapshot, T& value) {
  return snapshot_detail::read(snapshot, value);
}

}  // namespace prefork
