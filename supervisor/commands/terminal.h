// A screen of text in a terminal, through ncurses, and its keys. At most one in a process. For the command
// top.
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

  /// Takes over stdin and stdout, and the signals that would end the process; the destructor restores the
  /// terminal. Error: why stdin and stdout are not a usable terminal.
  [[nodiscard]] static Result<Terminal> open();

  /// Shows the lines from the top of the screen; cuts what does not fit.
  void show(const std::vector<TopLine>& lines);
  /// The number of lines on the screen.
  [[nodiscard]] std::size_t height() const;
  /// The next key; nothing when none comes within `longest`. kQuit also after SIGINT, SIGTERM, SIGHUP and
  /// SIGQUIT, and when the terminal has closed.
  [[nodiscard]] std::optional<Key> wait_for_key(std::chrono::milliseconds longest);

 private:
  struct Close {
    void operator()(void* screen) const;
  };
  Terminal(void* screen, const sigset_t& while_waiting) : screen_(screen), while_waiting_(while_waiting) {}

  std::unique_ptr<void, Close> screen_;  ///< the SCREEN of ncurses
  sigset_t while_waiting_;               ///< the signals that are blocked while it waits for a key
};

}  // namespace prefork
