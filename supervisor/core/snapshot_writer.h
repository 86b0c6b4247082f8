// Values of the program's own types → a state's bytes.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <random>
#include <sstream>
#include <string>
#include <utility>
#include <vector>

#include "supervisor/core/cbor_writer.h"
#include "supervisor/core/snapshot.h"

namespace prefork {

template <typename T>
[[nodiscard]] Snapshot to_snapshot(const T& value);

namespace snapshot_detail {

// All of them first: they call each other.
template <typename T>
void write(const T& value, CborWriter& to);
template <typename T>
void write(const std::optional<T>& value, CborWriter& to);
template <typename T, std::size_t Size>
void write(const std::array<T, Size>& values, CborWriter& to);
template <typename T>
void write(const std::vector<T>& values, CborWriter& to);
inline void write(const std::string& value, CborWriter& to) { to.text(value); }
inline void write(const Snapshot& value, CborWriter& to) {
  value.cbor.empty() ? to.null() : to.encoded(value.cbor);
}

template <typename T>
void write(const std::optional<T>& value, CborWriter& to) {
  value ? write(*value, to) : to.null();
}

template <typename List>
void write_list(const List& values, CborWriter& to) {
  to.list(values.size());
  for (const auto& value : values) write(value, to);
}

/// The names once, in the first row: there may be very many of them.
template <typename T>
void write_table(const std::vector<T>& rows, CborWriter& to) {
  if (rows.empty()) return to.list(0);
  to.list(rows.size() + 1);
  std::size_t columns = 0;
  T::visit_state(rows.front(), [&columns](const char*, const auto&) { ++columns; });
  to.list(columns);
  T::visit_state(rows.front(), [&to](const char* name, const auto&) { to.text(name); });
  for (const T& row : rows) {
    to.list(columns);
    T::visit_state(row, [&to](const char*, const auto& member) { write(member, to); });
  }
}

template <typename T, std::size_t Size>
void write(const std::array<T, Size>& values, CborWriter& to) {
  write_list(values, to);
}

template <typename T>
void write(const std::vector<T>& values, CborWriter& to) {
  if constexpr (Listed<const T>) {
    write_table(values, to);
  } else {
    write_list(values, to);
  }
}

template <typename T>
std::int64_t to_number(const T& value) {
  if constexpr (kIsInstant<T>) {
    return std::chrono::duration_cast<Duration>(value.time_since_epoch()).count();
  } else if constexpr (kIsDuration<T>) {
    return static_cast<std::int64_t>(value.count());
  } else if constexpr (kIsId<T>) {
    return static_cast<std::int64_t>(value.value);
  } else {
    return static_cast<std::int64_t>(value);
  }
}

template <typename T>
void write(const T& value, CborWriter& to) {
  if constexpr (kIsNumber<T>) {
    to.integer(to_number(value));
  } else if constexpr (std::is_floating_point_v<T>) {
    to.real(static_cast<double>(value));
  } else if constexpr (std::is_same_v<T, std::minstd_rand>) {
    std::ostringstream text;
    text << value;
    to.text(text.str());
  } else {
    to.begin_map();
    T::visit_state(value, [&to](const char* name, const auto& member) {
      to.text(name);
      write(member, to);
    });
    to.end_map();
  }
}

}  // namespace snapshot_detail

template <typename T>
Snapshot to_snapshot(const T& value) {
  Snapshot snapshot;
  CborWriter writer(snapshot.cbor);
  snapshot_detail::write(value, writer);
  return snapshot;
}

}  // namespace prefork
