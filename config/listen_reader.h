// Reads the `listen` keys of all pools of a file, and reports two listeners at the same place.
#pragma once

#include <string>
#include <utility>
#include <vector>

#include "config/config.h"
#include "config/document.h"
#include "config/machine.h"
#include "config/problems.h"
#include "proto/result.h"

namespace prefork {

class ListenReader {
 public:
  /// `directory`: where relative paths of unix sockets begin. `machine`: where owners, groups and hosts must
  /// exist; null: they need not.
  ListenReader(Problems& problems, std::string directory, const Machine* machine)
      : problems_(problems), directory_(std::move(directory)), machine_(machine) {}

  /// The addresses of one pool. `pool_pointer` is the JSON pointer of the pool. `key`: of another object that
  /// has addresses.
  [[nodiscard]] std::vector<ListenAddress> read(const Document& pool, const std::string& pool_pointer,
                                                const char* key = "listen");

  /// Reserves this address for the value at `pointer`: no pool may listen there.
  void reserve(const ListenAddress& address, const std::string& pointer) {
    taken_.push_back({address, pointer});
  }

 private:
  struct Place {
    ListenAddress address;
    std::string pointer;
  };

  void read_one(const Document& value, const std::string& pointer, std::vector<ListenAddress>& into);
  void read_attributes(const Document& value, const std::string& pointer, ListenAddress& address);

  [[nodiscard]] Result<ListenAddress> parse(const std::string& text) const;

  Problems& problems_;
  std::string directory_;
  const Machine* machine_;
  std::vector<Place> taken_;
};

}  // namespace prefork
