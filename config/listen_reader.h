// Reads the `listen` keys of all pools of a file, and finds two listeners at the same place.
#pragma once

#include <string>
#include <vector>

#include "config/config.h"
#include "config/document.h"
#include "config/problems.h"

namespace prefork {

class ListenReader {
 public:
  explicit ListenReader(Problems& problems) : problems_(problems) {}

  /// The addresses of one pool. `pool_pointer` is where the pool stands in the file.
  [[nodiscard]] std::vector<ListenAddress> read(const Document& pool, const std::string& pool_pointer);

  /// Nothing else may listen at this address: what stands at `pointer` does.
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

  Problems& problems_;
  std::vector<Place> taken_;
};

}  // namespace prefork
