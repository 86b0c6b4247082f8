// A screen of text in a terminal, through ncurses, and the keys that are pressed at it. One in a process.
#pragma once

#include <chrono>
#include <csignal>
#include <cstddef>
#include <memory>
#include <optional>
#include <vector>

#include "proto/result.h"
#include "supervisor/commands/top_screen.h"

namespace prefork {

class Terminal {
 public:
  enum class Key { kQuit, kPause, kOrder, kUp, kDown, kPageUp, kPageDown, kResized };

  /// Takes stdin and stdout, and the signals that would end the process; the destructor gives the terminal
  /// back as it was. The error says why they are no terminal that it can use.
  [[nodiscard]] static Result<Terminal> open();

  /// From the top; what does not fit is cut.
  void show(const std::vector<TopLine>& lines);
  /// How many lines it shows.
  [[nodiscard]] std::size_t height() const;
  /// The next key; nothing when none came in time. kQuit also after SIGINT, SIGTERM, SIGHUP and SIGQUIT, and
  /// when the terminal is gone.
  [[nodiscard]] std::optional<Key> wait_for_key(std::chrono::milliseconds longest);

 private:
  struct Close {
    void operator()(void* screen) const;
  };
  Terminal(void* screen, const sigset_t& while_waiting) : screen_(screen), while_waiting_(while_waiting) {}

  std::unique_ptr<void, Close> screen_;  ///< what ncurses calls it
  sigset_t while_waiting_;               ///< signals that are blocked even then
};

}  // namespace prefork
