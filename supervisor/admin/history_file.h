// The file where the admin process keeps its history for the next one, second by second: whatever its end,
// what it has written is there. The file lies in memory, its size is fixed, and the process before may have
// left anything in it.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <vector>

#include "proto/fd.h"
#include "supervisor/admin/json_read.h"

namespace prefork {

/// The file has two halves. A line for each second goes into one of them, until it has kLines or is full;
/// then the other one begins anew. Each line begins with the number of its half's turn: what follows of an
/// earlier turn ends it.
class HistoryFile {
 public:
  static constexpr std::size_t kLines = 900;

  /// What is there, the oldest first. add() goes on behind it.
  [[nodiscard]] std::vector<Json> open(Fd file);
  [[nodiscard]] bool is_open() const { return file_.valid(); }
  /// False: it could not be written.
  [[nodiscard]] bool add(const Json& second);

 private:
  struct Half {
    std::size_t begin = 0;   ///< in the file
    std::uint64_t turn = 0;  ///< 0: nothing is there
    std::size_t lines = 0;
    std::size_t size = 0;  ///< of these lines
  };

  void read(Half& half, std::vector<Json>& seconds) const;

  Fd file_;
  std::size_t room_ = 0;  ///< of each half
  std::array<Half, 2> halves_;
  std::size_t current_ = 0;
};

}  // namespace prefork
