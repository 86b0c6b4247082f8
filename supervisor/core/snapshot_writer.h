// Values of the program's own types → Snapshot.
#pragma once

#include <array>
#include <optional>
#include <random>
#include <sstream>
#include <string>
#include <vector>

#include "supervisor/core/snapshot.h"

namespace prefork {

template <typename T>
[[nodiscard]] Snapshot to_snapshot(const T& value);

namespace snapshot_detail {

// Declared first, because they call each other.
template <typename T>
void write(const T& value, Snapshot& to);
template <typename T>
void write(const std::optional<T>& value, Snapshot& to);
template <typename T, std::size_t Size>
void write(const std::array<T, Size>& values, Snapshot& to);
template <typename T>
void write(const std::vector<T>& values, Snapshot& to);
inline void write(const std::string& value, Snapshot& to) { to.value = value; }
inline void write(const Snapshot& value, Snapshot& to) { to = value; }

template <typename T>
void write(const std::optional<T>& value, Snapshot& to) {
  if (value) write(*value, to);
}

template <typename List>
void write_list(const List& values, Snapshot& to) {
  auto& list = to.value.emplace<Snapshot::List>();
  list.reserve(values.size());
  for (const auto& value : values) write(value, list.emplace_back());
}

/// A table has the names once, in its first row: there may be very many rows.
template <typename T>
void write_table(const std::vector<T>& rows, Snapshot& to) {
  auto& table = to.value.emplace<Snapshot::List>();
  if (rows.empty()) return;
  table.reserve(rows.size() + 1);
  auto& names = table.emplace_back().value.template emplace<Snapshot::List>();
  T::visit_state(rows.front(),
                 [&names](const char* name, const auto&) { names.emplace_back().value = std::string(name); });
  for (const T& row : rows) {
    auto& members = table.emplace_back().value.template emplace<Snapshot::List>();
    members.reserve(names.size());
    T::visit_state(row,
                   [&members](const char*, const auto& member) { write(member, members.emplace_back()); });
  }
}

template <typename T, std::size_t Size>
void write(const std::array<T, Size>& values, Snapshot& to) {
  write_list(values, to);
}

template <typename T>
void write(const std::vector<T>& values, Snapshot& to) {
  if constexpr (Listed<const T>) {
    write_table(values, to);
  } else {
    write_list(values, to);
  }
}

template <typename T>
void write_members(const T& value, Snapshot& to) {
  auto& object = to.value.emplace<Snapshot::Object>();
  T::visit_state(value, [&object](const char* name, const auto& member) {
    object.names.emplace_back(name);
    write(member, object.values.emplace_back());
  });
}

template <typename T>
void write(const T& value, Snapshot& to) {
  if constexpr (kIsInstant<T>) {
    to.value =
        static_cast<std::int64_t>(std::chrono::duration_cast<Duration>(value.time_since_epoch()).count());
  } else if constexpr (kIsDuration<T>) {
    to.value = static_cast<std::int64_t>(value.count());
  } else if constexpr (kIsId<T>) {
    to.value = static_cast<std::int64_t>(value.value);
  } else if constexpr (std::is_floating_point_v<T>) {
    to.value = static_cast<double>(value);
  } else if constexpr (std::is_integral_v<T> || std::is_enum_v<T>) {
    to.value = static_cast<std::int64_t>(value);
  } else if constexpr (std::is_same_v<T, std::minstd_rand>) {
    std::ostringstream text;
    text << value;
    to.value = text.str();
  } else {
    write_members(value, to);
  }
}

}  // namespace snapshot_detail

template <typename T>
Snapshot to_snapshot(const T& value) {
  Snapshot snapshot;
  snapshot_detail::write(value, snapshot);
  return snapshot;
}

}  // namespace prefork
