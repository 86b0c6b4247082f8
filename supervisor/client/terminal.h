// A screen of text in a terminal, through ncurses, and the keys that are pressed at it. One at a time.
#pragma once

#include <chrono>
#include <cstddef>
#include <memory>
#include <optional>
#include <vector>

#include "proto/result.h"
#include "supervisor/client/top_screen.h"

namespace prefork {

class Terminal {
 public:
  enum class Key { kQuit, kPause, kOrder, kUp, kDown, kPageUp, kPageDown, kResized };

  /// Takes stdin and stdout. The error says why they are no terminal that it can use.
  [[nodiscard]] static Result<std::unique_ptr<Terminal>> open();
  /// Gives the terminal back as it was.
  ~Terminal();
  Terminal(const Terminal&) = delete;
  Terminal& operator=(const Terminal&) = delete;

  /// `first` is shown at the top, and cut lines at the right.
  void show(const std::vector<TopLine>& lines, std::size_t first);
  /// How many lines it shows.
  [[nodiscard]] std::size_t height() const;
  /// The next key; nothing when none came in time. kQuit also when the user interrupts, or is gone.
  [[nodiscard]] std::optional<Key> wait_for_key(std::chrono::milliseconds longest);

 private:
  explicit Terminal(void* screen) : screen_(screen) {}
  [[nodiscard]] static std::optional<Key> pressed();

  void* screen_;  ///< what ncurses calls it
};

}  // namespace prefork
