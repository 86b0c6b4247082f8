#include "supervisor/commands/top.h"

#include <algorithm>
#include <nlohmann/json.hpp>
#include <optional>
#include <utility>
#include <vector>

#include "supervisor/commands/command_line.h"
#include "supervisor/commands/process_usage.h"
#include "supervisor/commands/terminal.h"
#include "supervisor/commands/top_screen.h"

namespace prefork {
namespace {

using Json = nlohmann::ordered_json;
using Clock = std::chrono::steady_clock;

class Top {
 public:
  Top(Terminal& terminal, ControlClient client, std::string path)
      : terminal_(terminal), client_(std::move(client)), path_(std::move(path)) {}

  /// Requests the status, or waits on for an answer that has not come yet.
  void refresh() {
    auto answer = ask();
    if (answer) {
      error_.clear();
      answer_pending_ = false;
      before_ = std::exchange(now_, std::move(answer).value());
      const Clock::time_point answered = Clock::now();
      between_ = answered - std::exchange(answered_, answered);
      return;
    }
    error_ = answer.error().message();
    // After a timeout keep the connection: a supervisor that hangs must not accumulate a connection per
    // request.
    answer_pending_ = client_ && client_->late();
    if (!answer_pending_) client_.reset();
  }

  void show() {
    std::vector<TopLine> lines;
    if (!error_.empty()) lines.push_back({"no answer, asking again: " + error_, TopLine::Style::kAlarm});
    lines.push_back({keys(), TopLine::Style::kPlain});
    const std::vector<TopLine> body =
        now_.is_null() ? std::vector<TopLine>() : top_screen(now_, before_, between_, order_);
    const std::size_t height = terminal_.height();
    room_ = height > lines.size() ? height - lines.size() : 1;
    last_ = body.size() > room_ ? body.size() - room_ : 0;
    first_ = std::min(first_, last_);
    lines.insert(lines.end(), body.begin() + static_cast<std::ptrdiff_t>(first_), body.end());
    terminal_.show(lines);
  }

  [[nodiscard]] bool paused() const { return paused_; }

  /// False: the user quits.
  bool press(Terminal::Key key) {
    switch (key) {
      case Terminal::Key::kQuit: return false;
      case Terminal::Key::kPause: paused_ = !paused_; break;
      case Terminal::Key::kOrder:
        order_ = order_ == TopOrder::kByNumber ? TopOrder::kBusiestFirst : TopOrder::kByNumber;
        break;
      case Terminal::Key::kUp: scroll_up(1); break;
      case Terminal::Key::kDown: scroll_down(1); break;
      case Terminal::Key::kPageUp: scroll_up(room_); break;
      case Terminal::Key::kPageDown: scroll_down(room_); break;
      case Terminal::Key::kResized: break;
    }
    return true;
  }

 private:
  /// The state that keys change, and the keys; fits 80 columns.
  [[nodiscard]] std::string keys() const {
    const bool by_number = order_ == TopOrder::kByNumber;
    return std::string(by_number ? "by number   b: busiest first" : "busiest first   b: by number") +
           (paused_ ? "   PAUSED   space: go on" : "   space: pause") + "   arrows: scroll   q: quit";
  }
  Result<Json> ask() {
    const bool connected = client_.has_value();
    auto answer = ask_once();
    if (answer || !connected || client_->late()) return answer;
    // In an upgrade in place the next program answers at the same path.
    client_.reset();
    answer_pending_ = false;
    return ask_once();
  }
  Result<Json> ask_once() {
    if (!client_) {
      auto again = ControlClient::connect(path_, kTopPatience);
      if (!again) return Error{again.error().message()};
      client_ = std::move(again).value();
    }
    if (!answer_pending_) {
      if (auto asked = client_->ask("status", Json::object()); !asked) return Error{asked.error().message()};
    }
    auto answer = client_->answer();
    if (answer) ProcessUsage(client_->peer()).add_to(answer.value());
    return answer;
  }
  void scroll_up(std::size_t lines) { first_ -= std::min(first_, lines); }
  void scroll_down(std::size_t lines) { first_ = std::min(first_ + lines, last_); }

  Terminal& terminal_;
  std::optional<ControlClient> client_;  ///< not set: the connection is lost
  std::string path_;
  bool answer_pending_ = false;  ///< a request is sent, and its answer has not come yet
  std::string error_;            ///< why the status is not newer; empty after an answer
  Json now_;
  Json before_;
  Clock::time_point answered_;
  Clock::duration between_{};
  TopOrder order_ = TopOrder::kByNumber;
  bool paused_ = false;
  std::size_t first_ = 0;  ///< the line of the status at the top of the screen
  std::size_t last_ = 0;   ///< the maximum of first_
  std::size_t room_ = 1;   ///< lines of the status that fit
};

}  // namespace

int top(ControlClient client, const std::string& path, std::chrono::milliseconds interval) {
  auto terminal = Terminal::open();
  if (!terminal) return print_error("top: " + terminal.error().message()), kUsageOrConfig;
  Top top(terminal.value(), std::move(client), path);
  for (;;) {
    if (!top.paused()) top.refresh();
    const Clock::time_point next = Clock::now() + interval;
    for (auto left = interval; left.count() > 0;
         left = std::chrono::ceil<std::chrono::milliseconds>(next - Clock::now())) {
      top.show();
      const auto key = terminal.value().wait_for_key(left);
      if (key && !top.press(*key)) return kFine;
    }
  }
}

}  // namespace prefork
