// What a worker with the protocol accept or node has told of its program's listening: each Note "listens at
// ADDRESS" is of an address that is none of the pool's, and another one is of a call that is refused.
// Bounded, for a worker may send any number of Notes.
#pragma once

#include <algorithm>
#include <cstddef>
#include <string>
#include <utility>
#include <vector>

namespace prefork {

class ListenNotes {
 public:
  static constexpr std::size_t kMost = 4;
  static constexpr const char* kBegin = "listens at ";
  static constexpr const char* kIoUring = "asked for io_uring";

  /// The program names an address, and the pool listens there: "127.0.0.1:8080, unix:/run/x.sock".
  void expect(std::string addresses, bool of_node = false) {
    expected_ = std::move(addresses);
    of_node_ = of_node;
  }
  [[nodiscard]] bool of_node() const { return of_node_; }                  ///< the protocol is node
  [[nodiscard]] const std::string& expected() const { return expected_; }  ///< empty: another protocol

  /// A Note, printable.
  void heard(const std::string& note) {
    if (!expected_.empty() && note.starts_with(kIoUring)) asked_for_io_uring_ = true;
    if (expected_.empty() || heard_.size() == kMost || !note.starts_with(kBegin)) return;
    std::string address = note.substr(std::string(kBegin).size());
    if (std::find(heard_.begin(), heard_.end(), address) == heard_.end())
      heard_.push_back(std::move(address));
  }
  [[nodiscard]] const std::vector<std::string>& heard() const { return heard_; }
  [[nodiscard]] bool asked_for_io_uring() const { return asked_for_io_uring_; }

 private:
  std::string expected_;
  bool of_node_ = false;
  std::vector<std::string> heard_;
  bool asked_for_io_uring_ = false;
};

}  // namespace prefork
