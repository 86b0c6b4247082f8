// A state's bytes → values of the program's own types. A member that the bytes do not have keeps its value;
// one that the type does not list is passed over; one that does not fit its type is an error.
#pragma once

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "supervisor/core/cbor_reader.h"
#include "supervisor/core/snapshot.h"
#include "supervisor/core/snapshot_members.h"
#include "supervisor/core/snapshot_reader_values.h"

namespace prefork {
namespace snapshot_detail {

/// Reads each of `items` into a new element.
template <typename T, typename Read>
bool read_each(CborReader& from, CborReader::Items items, std::vector<T>& values, Fault& fault,
               Read read_one) {
  values.clear();
  // Each item has a byte at least.
  values.reserve(static_cast<std::size_t>(std::min<std::uint64_t>(items.left, from.rest())));
  while (from.next(items)) {
    T value{};
    if (!read_one(value)) return fault.in("[" + std::to_string(values.size()) + "]");
    values.push_back(std::move(value));
  }
  return from.sound() || fault.expected("CBOR");
}

template <typename T>
std::vector<std::string_view> names_of() {
  std::vector<std::string_view> names;
  T none{};
  T::visit_state(none, [&names](const char* name, auto&) { names.emplace_back(name); });
  return names;
}

/// The first row: the names of the columns.
inline bool read_names(CborReader& from, std::vector<std::string_view>& names, Fault& fault) {
  CborReader::Items items;
  if (!from.begin_list(items)) return fault.expected("a list");
  while (from.next(items)) {
    if (!from.text(names.emplace_back())) return fault.expected("a text");
  }
  return from.sound() || fault.expected("CBOR");
}

template <typename T>
bool read_table(CborReader& from, CborReader::Items rows, std::vector<T>& values, Fault& fault) {
  std::vector<std::string_view> names;
  if (from.next(rows) && !read_names(from, names, fault)) return false;
  const Columns columns(std::move(names), names_of<T>());
  return read_each(from, rows, values, fault, [&](T& value) {
    CborReader::Items members;
    if (!from.begin_list(members) || members.endless || members.left != columns.size())
      return fault.expected("a row of the table");
    return read_members(RowMembers(from, columns), value, from, fault);
  });
}

template <typename T>
bool read(CborReader& from, std::vector<T>& values, Fault& fault) {
  CborReader::Items items;
  if (!from.begin_list(items)) return fault.expected("a list");
  if constexpr (Listed<T>) {
    return read_table(from, items, values, fault);
  } else {
    return read_each(from, items, values, fault, [&](T& value) { return read(from, value, fault); });
  }
}

template <typename T, std::size_t Size>
bool read(CborReader& from, std::array<T, Size>& values, Fault& fault) {
  std::vector<T> list;
  if (!read(from, list, fault)) return false;
  if (list.size() != Size) return fault.expected("a list of another length");
  std::copy(list.begin(), list.end(), values.begin());
  return true;
}

}  // namespace snapshot_detail

/// What is wrong, or empty. `value` is incomplete then. Nothing of `bytes` may be left over.
template <typename T>
[[nodiscard]] std::string from_cbor(std::string_view bytes, T& value) {
  CborReader reader(bytes);
  snapshot_detail::Fault fault;
  if (snapshot_detail::read(reader, value, fault) && !reader.at_end()) (void)fault.expected("the end");
  return fault.text();
}

/// The same for a snapshot.
template <typename T>
[[nodiscard]] std::string from_snapshot(const Snapshot& snapshot, T& value) {
  return from_cbor(snapshot.cbor, value);
}

}  // namespace prefork
