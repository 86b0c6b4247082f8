// The members of an object or of a table's row, while snapshot_reader.h reads them: finds each by its name.
// Usually they stand in the order in which the reader asks; then each is read where it stands.
#pragma once

#include <cstddef>
#include <string_view>
#include <utility>
#include <vector>

#include "supervisor/core/cbor_reader.h"

namespace prefork::snapshot_detail {

/// Members that stand out of order, by their places in the bytes.
using Places = std::vector<std::pair<std::string_view, std::size_t>>;

/// An object's members.
class MapMembers {
 public:
  MapMembers(CborReader& from, CborReader::Items pairs) : from_(from), pairs_(pairs) {}

  /// Whether there is a member of this name. The reader stands at its value then.
  [[nodiscard]] bool find(std::string_view name) {
    if (!placed_ && (named_ || next_name()) && next_name_ == name) return take_name();
    if (!placed_ && !place_all()) return false;
    for (const auto& [known, place] : places_) {
      if (known == name) return from_.go_to(place), true;
    }
    return false;
  }
  /// Passes over what nothing has asked for. False: the bytes are not CBOR.
  [[nodiscard]] bool finish() {
    if (placed_ || place_all()) from_.go_to(end_);
    return from_.sound();
  }

 private:
  [[nodiscard]] bool next_name() { return named_ = from_.next(pairs_) && from_.text(next_name_); }
  [[nodiscard]] bool take_name() { return named_ = false, true; }
  /// Notes where each of the rest stands.
  [[nodiscard]] bool place_all() {
    while (named_ || next_name()) {
      places_.emplace_back(next_name_, from_.position());
      named_ = false;
      if (!from_.skip()) return false;
    }
    placed_ = true;
    end_ = from_.position();
    return from_.sound();
  }

  CborReader& from_;
  CborReader::Items pairs_;
  std::string_view next_name_;
  bool named_ = false;   ///< next_name_ has been read, and its value has not
  bool placed_ = false;  ///< the rest is in places_
  Places places_;
  std::size_t end_ = 0;
};

/// The columns of a table.
class Columns {
 public:
  /// `asked`: the names in the order in which each row is asked for them.
  Columns(std::vector<std::string_view> names, const std::vector<std::string_view>& asked)
      : names_(std::move(names)), in_order_(names_ == asked) {}
  [[nodiscard]] std::size_t size() const { return names_.size(); }
  /// Whether the columns stand as they are asked for, all of them.
  [[nodiscard]] bool in_order() const { return in_order_; }
  [[nodiscard]] std::string_view name(std::size_t column) const { return names_[column]; }

 private:
  std::vector<std::string_view> names_;
  bool in_order_;
};

/// A row's members.
class RowMembers {
 public:
  RowMembers(CborReader& from, const Columns& columns) : from_(from), columns_(columns) {}

  [[nodiscard]] bool find(std::string_view name) {
    if (columns_.in_order()) return true;
    if (places_.empty() && !place_all()) return false;
    for (const auto& [known, place] : places_) {
      if (known == name) return from_.go_to(place), true;
    }
    return false;
  }
  [[nodiscard]] bool finish() {
    if (columns_.in_order()) return from_.sound();
    if (places_.empty() && !place_all()) return false;
    from_.go_to(end_);
    return from_.sound();
  }

 private:
  [[nodiscard]] bool place_all() {
    for (std::size_t column = 0; column < columns_.size(); ++column) {
      places_.emplace_back(columns_.name(column), from_.position());
      if (!from_.skip()) return false;
    }
    end_ = from_.position();
    return true;
  }

  CborReader& from_;
  const Columns& columns_;
  Places places_;
  std::size_t end_ = 0;
};

}  // namespace prefork::snapshot_detail
