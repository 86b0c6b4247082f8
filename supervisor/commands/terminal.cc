#include "supervisor/commands/terminal.h"

// Its macros have names that others use, too.
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
constexpr int kEnding[] = {SIGINT, SIGTERM, SIGHUP, SIGQUIT};

/// Global, for a signal handler can reach nothing else.
volatile std::sig_atomic_t told_to_end = 0;

/// Has the signals that end a process, and the one that tells of a new size, come only while a key is waited
/// for; returns what is blocked then.
sigset_t take_signals() {
  sigset_t taken;
  sigset_t before;
  (void)::sigemptyset(&taken);
  (void)::sigaddset(&taken, SIGWINCH);
  struct sigaction action {};
  action.sa_handler = [](int) { told_to_end = 1; };
  for (const int number : kEnding) {
    (void)::sigaddset(&taken, number);
    (void)::sigaction(number, &action, nullptr);
  }
  (void)::sigprocmask(SIG_BLOCK, &taken, &before);
  (void)::sigdelset(&before, SIGWINCH);
  for (const int number : kEnding) (void)::sigdelset(&before, number);
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

/// Without control characters; and where UTF-8 is not known, the microsecond is written as people do there.
std::string in_its_charset(const std::string& text) {
  static const bool utf8 = std::strcmp(::nl_langinfo(CODESET), "UTF-8") == 0;
  std::string shown;
  for (std::size_t i = 0; i < text.size(); ++i) {
    const auto byte = static_cast<unsigned char>(text[i]);
    if (byte < 0x20 || byte == 0x7f) {
      shown += '?';
    } else if (byte < 0x80 || utf8) {
      shown += text[i];
    } else if (byte >= 0xc0) {  // the first of a character
      shown += text.compare(i, 2, "µ") == 0 ? 'u' : '?';
    }
  }
  return shown;
}

std::optional<Terminal::Key> pressed() {
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
    return Error{"it needs a terminal; the command status prints the same once"};
  (void)std::setlocale(LC_CTYPE, "");
  SCREEN* screen = ::newterm(nullptr, stdout, stdin);
  if (screen == nullptr) {
    const char* kind = std::getenv("TERM");
    return Error{std::string("the terminal, TERM=") + (kind == nullptr ? "" : kind) + ", is not known here"};
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
    (void)::mvwaddnstr(stdscr, row, 0, in_its_charset(lines[i].text).c_str(), -1);
    // What did not fit has gone on in the next row.
    if (::wmove(stdscr, row + 1, 0) != ERR) (void)::wclrtobot(stdscr);
  }
  (void)::wrefresh(stdscr);
}

std::size_t Terminal::height() const { return static_cast<std::size_t>(std::max(1, getmaxy(stdscr))); }

std::optional<Terminal::Key> Terminal::wait_for_key(std::chrono::milliseconds longest) {
  // What ncurses has read already is not in the descriptor any more.
  if (const auto key = pressed()) return key;
  pollfd keyboard{.fd = STDIN_FILENO, .events = POLLIN, .revents = 0};
  const timespec timeout{.tv_sec = longest.count() / 1000, .tv_nsec = longest.count() % 1000 * 1'000'000};
  (void)::ppoll(&keyboard, 1, &timeout, &while_waiting_);
  if (told_to_end != 0 || (keyboard.revents & (POLLHUP | POLLERR | POLLNVAL)) != 0) return Key::kQuit;
  return pressed();
}

}  // namespace prefork
