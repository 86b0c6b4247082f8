#include "supervisor/commands/terminal.h"

// The macros of ncurses have names that other headers use, too.
#define NCURSES_NOMACROS
#include <langinfo.h>
#include <ncurses.h>
#include <poll.h>
#include <unistd.h>

#include <algorithm>
#include <clocale>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <ctime>
#include <string>

namespace prefork {
namespace {

/// Milliseconds after Esc in which the rest of a key's sequence comes.
constexpr int kEscapeDelay = 25;
constexpr int kEndingSignals[] = {SIGINT, SIGTERM, SIGHUP, SIGQUIT};

/// Global, because a signal handler gets no argument but the signal's number.
volatile std::sig_atomic_t ending_signal_came = 0;

/// Blocks SIGWINCH and the signals that end a process, except while the terminal waits for a key. Returns the
/// signals to block during that wait.
sigset_t take_signals() {
  sigset_t taken;
  sigset_t before;
  (void)::sigemptyset(&taken);
  (void)::sigaddset(&taken, SIGWINCH);
  struct sigaction action {};
  action.sa_handler = [](int) { ending_signal_came = 1; };
  for (const int number : kEndingSignals) {
    (void)::sigaddset(&taken, number);
    (void)::sigaction(number, &action, nullptr);
  }
  (void)::sigprocmask(SIG_BLOCK, &taken, &before);
  (void)::sigdelset(&before, SIGWINCH);
  for (const int number : kEndingSignals) (void)::sigdelset(&before, number);
  return before;
}

attr_t attribute_of(TopLine::Style style) {
  switch (style) {
    case TopLine::Style::kPlain: return A_NORMAL;
    case TopLine::Style::kHead: return A_BOLD;
    case TopLine::Style::kColumns: return A_REVERSE;
    case TopLine::Style::kAlarm: return A_BOLD | A_STANDOUT;
  }
  return A_NORMAL;
}

/// The text without control characters, and in ASCII where the terminal has no UTF-8: then "µs" becomes "us".
std::string in_terminal_charset(const std::string& text) {
  static const bool utf8 = std::strcmp(::nl_langinfo(CODESET), "UTF-8") == 0;
  std::string shown;
  for (std::size_t i = 0; i < text.size(); ++i) {
    const auto byte = static_cast<unsigned char>(text[i]);
    if (byte < 0x20 || byte == 0x7f) {
      shown += '?';
    } else if (byte < 0x80 || utf8) {
      shown += text[i];
    } else if (byte >= 0xc0) {  // the first byte of a character
      shown += text.compare(i, 2, "µ") == 0 ? 'u' : '?';
    }
  }
  return shown;
}

std::optional<Terminal::Key> read_key() {
  switch (::wgetch(stdscr)) {
    case 'q':
    case 'Q': return Terminal::Key::kQuit;
    case ' ':
    case 'p': return Terminal::Key::kPause;
    case 'b': return Terminal::Key::kOrder;
    case KEY_UP:
    case 'k': return Terminal::Key::kUp;
    case KEY_DOWN:
    case 'j': return Terminal::Key::kDown;
    case KEY_PPAGE: return Terminal::Key::kPageUp;
    case KEY_NPAGE: return Terminal::Key::kPageDown;
    case KEY_RESIZE: return Terminal::Key::kResized;
    default: return std::nullopt;
  }
}

}  // namespace

Result<Terminal> Terminal::open() {
  if (::isatty(STDIN_FILENO) == 0 || ::isatty(STDOUT_FILENO) == 0)
    return Error{"needs a terminal; the command status prints the same once"};
  (void)std::setlocale(LC_CTYPE, "");
  SCREEN* screen = ::newterm(nullptr, stdout, stdin);
  if (screen == nullptr) {
    const char* kind = std::getenv("TERM");
    return Error{std::string("the terminal, TERM=") + (kind == nullptr ? "" : kind) +
                 ", is not in the terminfo database"};
  }
  (void)::cbreak();
  (void)::noecho();
  (void)::nodelay(stdscr, true);
  (void)::keypad(stdscr, true);
  (void)::set_escdelay(kEscapeDelay);
  (void)::curs_set(0);
  return Terminal(screen, take_signals());
}

void Terminal::Close::operator()(void* screen) const {
  (void)::endwin();
  ::delscreen(static_cast<SCREEN*>(screen));
}

void Terminal::show(const std::vector<TopLine>& lines) {
  (void)::werase(stdscr);
  const std::size_t count = std::min(lines.size(), height());
  for (std::size_t i = 0; i < count; ++i) {
    const int row = static_cast<int>(i);
    (void)::wattr_set(stdscr, attribute_of(lines[i].style), 0, nullptr);
    (void)::mvwaddnstr(stdscr, row, 0, in_terminal_charset(lines[i].text).c_str(), -1);
    // The rest of a line that is too long has gone to the next row.
    if (::wmove(stdscr, row + 1, 0) != ERR) (void)::wclrtobot(stdscr);
  }
  (void)::wrefresh(stdscr);
}

std::size_t Terminal::height() const { return static_cast<std::size_t>(std::max(1, getmaxy(stdscr))); }

std::optional<Terminal::Key> Terminal::wait_for_key(std::chrono::milliseconds longest) {
  // Keys that ncurses has read already do not make the descriptor readable.
  if (const auto key = read_key()) return key;
  pollfd keyboard{.fd = STDIN_FILENO, .events = POLLIN, .revents = 0};
  const timespec timeout{.tv_sec = longest.count() / 1000, .tv_nsec = longest.count() % 1000 * 1'000'000};
  (void)::ppoll(&keyboard, 1, &timeout, &while_waiting_);
  if (ending_signal_came != 0 || (keyboard.revents & (POLLHUP | POLLERR | POLLNVAL)) != 0) return Key::kQuit;
  return read_key();
}

}  // namespace prefork
