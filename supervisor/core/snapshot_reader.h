// Snapshot → values of the program's own types. A member that the snapshot does not have keeps its value; one
// that the type does not list is passed over; one that does not fit its type is an error.
#pragma once

#include <algorithm>
#include <array>
#include <cstddef>
#include <optional>
#include <span>
#include <string>
#include <utility>
#include <variant>
#include <vector>

#include "supervisor/core/snapshot.h"
#include "supervisor/core/snapshot_reader_values.h"

namespace prefork {
namespace snapshot_detail {

template <typename T>
std::string read(const Snapshot& from, std::optional<T>& value) {
  value.reset();
  if (std::holds_alternative<std::monostate>(from.value)) return "";
  T present{};
  std::string error = from_snapshot(from, present);
  value.emplace(std::move(present));
  return error;
}

/// Reads each of `rows` into a new element. An error begins with the position of its element.
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
