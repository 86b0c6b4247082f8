#include "supervisor/client/terminal.h"

// Its macros have names that others use, too.
#define NCURSES_NOMACROS
#include <langinfo.h>
#include <ncurses.h>
#include <poll.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <clocale>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <string>

namespace prefork {
namespace {

constexpr int kControlC = 3;

volatile std::sig_atomic_t interrupted = 0;

attr_t attribute_of(TopLine::Style style) {
  switch (style) {
    case TopLine::Style::kPlain: return A_NORMAL;
    case TopLine::Style::kHead: return A_BOLD;
    case TopLine::Style::kColumns: return A_REVERSE;
    case TopLine::Style::kAlarm: return A_BOLD | A_STANDOUT;
  }
  return A_NORMAL;
}

/// In a terminal that does not know UTF-8, the microsecond is written as people do there.
std::string printable(const std::string& text) {
  static const bool utf8 = std::strcmp(::nl_langinfo(CODESET), "UTF-8") == 0;
  if (utf8) return text;
  std::string plain;
  for (std::size_t i = 0; i < text.size(); ++i) {
    const auto byte = static_cast<unsigned char>(text[i]);
    if (byte < 0x80) {
      plain += text[i];
    } else if (byte >= 0xc0) {  // the first of a character
      plain += text.compare(i, 2, "µ") == 0 ? 'u' : '?';
    }
  }
  return plain;
}

}  // namespace

Result<std::unique_ptr<Terminal>> Terminal::open() {
  if (::isatty(STDIN_FILENO) == 0 || ::isatty(STDOUT_FILENO) == 0)
    return Error{"it needs a terminal; the command status prints the same once"};
  (void)std::setlocale(LC_CTYPE, "");
  struct sigaction action {};
  action.sa_handler = [](int) { interrupted = 1; };
  (void)::sigaction(SIGINT, &action, nullptr);
  SCREEN* screen = ::newterm(nullptr, stdout, stdin);
  if (screen == nullptr) {
    const char* kind = std::getenv("TERM");
    return Error{std::string("the terminal, TERM=") + (kind == nullptr ? "" : kind) + ", is not known here"};
  }
  (void)::cbreak();
  (void)::noecho();
  (void)::nodelay(stdscr, true);
  (void)::keypad(stdscr, true);
  (void)::curs_set(0);
  return std::unique_ptr<Terminal>(new Terminal(screen));
}

Terminal::~Terminal() {
  (void)::endwin();
  ::delscreen(static_cast<SCREEN*>(screen_));
}

void Terminal::show(const std::vector<TopLine>& lines, std::size_t first) {
  (void)::werase(stdscr);
  const std::size_t end = std::min(lines.size(), first + height());
  for (std::size_t i = first; i < end; ++i) {
    const int row = static_cast<int>(i - first);
    // What did not fit in the row before has gone on in this one.
    (void)::wmove(stdscr, row, 0);
    (void)::wclrtobot(stdscr);
    (void)::wattr_set(stdscr, attribute_of(lines[i].style), 0, nullptr);
    (void)::waddnstr(stdscr, printable(lines[i].text).c_str(), -1);
  }
  (void)::wrefresh(stdscr);
}

std::size_t Terminal::height() const { return static_cast<std::size_t>(std::max(1, getmaxy(stdscr))); }

std::optional<Terminal::Key> Terminal::wait_for_key(std::chrono::milliseconds longest) {
  pollfd keyboard{.fd = STDIN_FILENO, .events = POLLIN, .revents = 0};
  const int found = ::poll(&keyboard, 1, static_cast<int>(longest.count()));
  if (interrupted != 0 || (keyboard.revents & (POLLHUP | POLLERR | POLLNVAL)) != 0) return Key::kQuit;
  if (found == 0) return std::nullopt;
  return pressed();  // also after a signal: a new size of the window is told as a key
}

std::optional<Terminal::Key> Terminal::pressed() {
  switch (::wgetch(stdscr)) {
    case 'q':
    case 'Q':
    case kControlC: return Key::kQuit;
    case ' ':
    case 'p': return Key::kPause;
    case 'b': return Key::kOrder;
    case KEY_UP:
    case 'k': return Key::kUp;
    case KEY_DOWN:
    case 'j': return Key::kDown;
    case KEY_PPAGE: return Key::kPageUp;
    case KEY_NPAGE: return Key::kPageDown;
    case KEY_RESIZE: return Key::kResized;
    default: return std::nullopt;
  }
}

}  // namespace prefork
