// The part of snapshot_reader.h that reads single values and the members of objects; snapshot_reader.h reads
// lists of them, and is what others include.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <random>
#include <sstream>
#include <string>
#include <string_view>
#include <vector>

#include "supervisor/core/cbor_reader.h"
#include "supervisor/core/snapshot.h"
#include "supervisor/core/snapshot_members.h"

namespace prefork::snapshot_detail {

/// What is wrong: where, from the inside to the outside, and what was expected.
struct Fault {
  std::string where, what;
  bool expected(const char* wanted) { return what = std::string(wanted) + " is expected", false; }
  bool in(const std::string& outer) {
    where = outer + (where.empty() || where[0] == '[' ? "" : ".") + where;
    return false;
  }
  [[nodiscard]] std::string text() const { return what.empty() ? "" : where + ": " + what; }
};

// All of them first: they call each other. False: `fault` says what is wrong.
template <typename T>
bool read(CborReader& from, T& value, Fault& fault);
template <typename T>
bool read(CborReader& from, std::optional<T>& value, Fault& fault);
template <typename T>
bool read(CborReader& from, std::vector<T>& values, Fault& fault);
template <typename T, std::size_t Size>
bool read(CborReader& from, std::array<T, Size>& values, Fault& fault);

inline bool read(CborReader& from, double& value, Fault& fault) {
  return from.real(value) || fault.expected("a real number");
}

inline bool read(CborReader& from, std::minstd_rand& value, Fault& fault) {
  std::string_view text;
  return (from.text(text) && (std::istringstream(std::string(text)) >> value)) ||
         fault.expected("a random engine");
}

inline bool read(CborReader& from, Snapshot& value, Fault& fault) {
  const std::size_t begin = from.position();
  if (!from.skip()) return fault.expected("a value");
  value.cbor = from.since(begin);
  return true;
}

inline bool read(CborReader& from, std::string& value, Fault& fault) {
  std::string_view text;
  if (!from.text(text)) return fault.expected("a text");
  value = text;
  return true;
}

template <typename T>
bool read(CborReader& from, std::optional<T>& value, Fault& fault) {
  value.reset();
  if (from.null()) return true;
  value = T{};  // clang 14 finds no emplace() for a class in a class
  return read(from, *value, fault);
}

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

template <typename Members, typename T>
bool read_members(Members members, T& value, CborReader& from, Fault& fault) {
  bool fits = true;
  T::visit_state(value, [&](const char* name, auto& member) {
    if (!fits || !members.find(name)) return;
    fits = read(from, member, fault) || fault.in(name);
  });
  return fits && (members.finish() || fault.expected("CBOR"));
}

template <typename T>
bool read(CborReader& from, T& value, Fault& fault) {
  if constexpr (kIsNumber<T>) {
    std::int64_t number = 0;
    if (!from.integer(number)) return fault.expected("a number");
    from_number(number, value);
    return true;
  } else {
    CborReader::Items pairs;
    if (!from.begin_map(pairs)) return fault.expected("an object");
    return read_members(MapMembers(from, pairs), value, from, fault);
  }
}

}  // namespace prefork::snapshot_detail
