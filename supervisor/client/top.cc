#include "supervisor/client/top.h"

#include <algorithm>
#include <nlohmann/json.hpp>
#include <optional>
#include <utility>
#include <vector>

#include "supervisor/client/control_client.h"
#include "supervisor/client/terminal.h"
#include "supervisor/client/top_screen.h"
#include "supervisor/command_line.h"

namespace prefork {
namespace {

using Json = nlohmann::ordered_json;
using Clock = std::chrono::steady_clock;

/// A supervisor that is stopped, say, shall not make the keys dead for long.
constexpr std::chrono::seconds kPatience{2};

class Top {
 public:
  Top(Terminal& terminal, std::string path) : terminal_(terminal), path_(std::move(path)) {}

  void ask() {
    if (!client_) connect();
    if (!client_) return;
    auto answer = client_->call("status", Json::object());
    if (!answer) {
      trouble_ = answer.error().message();
      client_.reset();
      return;
    }
    trouble_.clear();
    before_ = std::exchange(now_, std::move(answer).value());
    const Clock::time_point asked = Clock::now();
    between_ = asked - std::exchange(asked_, asked);
  }

  void show() {
    std::vector<TopLine> lines = top_screen(now_, before_, between_, order_);
    lines.insert(lines.begin() + 1,
                 {paused_ ? "paused; space: go on   q: quit"
                          : "q: quit   space: pause   b: busiest first   arrows, page keys: scroll",
                  TopLine::Style::kPlain});
    if (!trouble_.empty()) {
      lines.insert(lines.begin(), {"no answer, asking again: " + trouble_, TopLine::Style::kAlarm});
    }
    const std::size_t height = terminal_.height();
    last_ = lines.size() > height ? lines.size() - height : 0;
    first_ = std::min(first_, last_);
    terminal_.show(lines, first_);
  }

  [[nodiscard]] bool paused() const { return paused_; }

  /// False: the user wants no more.
  bool press(Terminal::Key key) {
    switch (key) {
      case Terminal::Key::kQuit: return false;
      case Terminal::Key::kPause: paused_ = !paused_; break;
      case Terminal::Key::kOrder:
        order_ = order_ == TopOrder::kByNumber ? TopOrder::kBusiestFirst : TopOrder::kByNumber;
        break;
      case Terminal::Key::kUp: scroll_up(1); break;
      case Terminal::Key::kDown: scroll_down(1); break;
      case Terminal::Key::kPageUp: scroll_up(terminal_.height()); break;
      case Terminal::Key::kPageDown: scroll_down(terminal_.height()); break;
      case Terminal::Key::kResized: break;
    }
    return true;
  }

 private:
  void connect() {
    auto again = ControlClient::connect(path_, kPatience);
    if (again) {
      client_ = std::move(again).value();
    } else {
      trouble_ = again.error().message();
    }
  }
  void scroll_up(std::size_t lines) { first_ -= std::min(first_, lines); }
  void scroll_down(std::size_t lines) { first_ = std::min(first_ + lines, last_); }

  Terminal& terminal_;
  std::optional<ControlClient> client_;  ///< none: it did not answer
  std::string path_;
  std::string trouble_;  ///< why there is nothing newer; empty while there is
  Json now_;
  Json before_;
  Clock::time_point asked_;
  Clock::duration between_{};
  TopOrder order_ = TopOrder::kByNumber;
  bool paused_ = false;
  std::size_t first_ = 0;  ///< line at the top
  std::size_t last_ = 0;   ///< the most that first_ may be
};

}  // namespace

int top(const std::string& path, std::chrono::milliseconds interval) {
  auto terminal = Terminal::open();
  if (!terminal) return fail("top: " + terminal.error().message());
  Top top(*terminal.value(), path);
  for (;;) {
    if (!top.paused()) top.ask();
    const Clock::time_point next = Clock::now() + interval;
    for (auto left = interval; left.count() > 0;
         left = std::chrono::ceil<std::chrono::milliseconds>(next - Clock::now())) {
      top.show();
      const auto key = terminal.value()->wait_for_key(left);
      if (key && !top.press(*key)) return kFine;
    }
  }
}

}  // namespace prefork
