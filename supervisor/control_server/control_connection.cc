#include "supervisor/control_server/control_connection.h"

#include <linux/sockios.h>
#include <sys/ioctl.h>
#include <sys/socket.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <utility>

#include "supervisor/loop/escape.h"
#include "supervisor/system/clock.h"

namespace prefork {
namespace {

/// Between two warnings of requests that were denied.
constexpr Duration kBetweenDenials = std::chrono::seconds(10);

}  // namespace

ControlConnection::ControlConnection(const Services& services, Fd socket, const Rights& rights)
    : services_(services),
      rights_(rights),
      socket_(std::move(socket)),
      read_watcher_(services.loop),
      write_watcher_(services.loop),
      next_timer_(services.loop) {
  read_watcher_.start(socket_.get(), Callback::to<&ControlConnection::on_readable>(*this));
}

void ControlConnection::on_readable() {
  std::array<char, kBytesPerRead> buffer;
  ssize_t received = 0;
  do {
    received = ::recv(socket_.get(), buffer.data(), buffer.size(), MSG_DONTWAIT);
  } while (received < 0 && errno == EINTR);
  if (received < 0) {
    if (errno != EAGAIN) close();
    return;
  }
  if (received == 0) return finish();
  received_ += static_cast<std::uint64_t>(received);
  input_.append({buffer.data(), static_cast<std::size_t>(received)});
  go_on();
}

void ControlConnection::step() {
  if (answer_) return answer_next();
  if (input_.too_long()) return refuse_long_line();
  const auto line = input_.take();
  if (!line) return;
  answer_ = answer(*line, services_.operations, *this);
  answer_next();
}

void ControlConnection::answer_next() {
  const bool more = answer_->add_next(answered_);
  if (!more) {
    answer_.reset();
    answered_ += std::exchange(held_events_, {});
    latest_answer_ = answered_.size();
    send(std::exchange(answered_, {}));
    if (const auto since = std::exchange(replay_since_, std::nullopt)) {
      services_.history.for_each_since(*since, [this](const std::string& event) { send(event); });
    }
  }
  go_on();
}

void ControlConnection::go_on() {
  if (over() || finishing_) return;
  if (!answer_ && must_wait_for_reload()) return read_watcher_.stop();
  if (answer_ || input_.ready() || input_.too_long()) {
    read_watcher_.stop();
    next_timer_.start(Duration::zero(), Callback::to<&ControlConnection::request_turn>(*this));
  } else if (!read_watcher_.active()) {
    read_watcher_.start(socket_.get(), Callback::to<&ControlConnection::on_readable>(*this));
  }
}

void ControlConnection::reload_ended(std::uint64_t round, const ReloadVerdict& verdict) {
  const auto waits = [&](const AwaitedReload& one) { return one.round > round; };
  const auto ended = std::stable_partition(awaited_.begin(), awaited_.end(), waits);
  std::string answers;
  for (auto one = ended; one != awaited_.end(); ++one) answers += reload_answer(one->id, verdict);
  awaited_.erase(ended, awaited_.end());
  if (answers.empty()) return;
  send(answers);
  go_on();
}

void ControlConnection::send_event(std::string_view line) {
  if (!answer_) return send(line, kMaxOutput + latest_answer_);
  if (held_events_.size() >= kMaxOutput) return close();
  held_events_.append(line);
}

void ControlConnection::refuse_long_line() {
  send(refusal(ControlError::kInvalidRequest, "a request may have " + std::to_string(RequestLines::kMaxLine) +
                                                  " bytes; this connection is closed"));
  finish();
}

std::uint64_t ControlConnection::subscribe(std::optional<std::uint64_t> since) {
  subscribed_ = true;
  replay_since_ = since;
  return services_.history.last();
}

void ControlConnection::send(std::string_view text, std::size_t max) {
  if (over()) return;
  if (output_.size() >= max) return close();  // the client does not read
  output_.append(text);
  flush();
}

void ControlConnection::flush() {
  switch (output_.send_to(socket_.get())) {
    case ControlOutput::Sent::kFailed: return close();
    case ControlOutput::Sent::kAll:
      write_watcher_.stop();
      if (finishing_) close();
      return;
    case ControlOutput::Sent::kSome:
      if (!write_watcher_.active())
        write_watcher_.start(socket_.get(), Callback::to<&ControlConnection::flush>(*this));
  }
}

void ControlConnection::send_passing(std::string_view line, std::vector<Fd> descriptors) {
  if (over()) return;
  if (!output_.pass_with_next(std::move(descriptors))) return close();
  send(line);
}

std::size_t ControlConnection::unread() const {
  int in_kernel = 0;
  if (over() || ::ioctl(socket_.get(), SIOCOUTQ, &in_kernel) < 0) return 0;
  return output_.size() + static_cast<std::size_t>(in_kernel);
}

void ControlConnection::requests(const std::string& action, const std::string& client,
                                 std::string_view denied) {
  const std::string by = (client.empty() ? "" : " by " + escape_to_ascii(client)) +
                         (rights_.limited ? " through the admin page" : "");
  if (denied.empty()) {
    services_.log.info("{}, asked for{}", escape_to_ascii(action), by);
    return;
  }
  const Instant now = current_time();
  if (last_warning_ && now - *last_warning_ < kBetweenDenials) return;
  last_warning_ = now;
  services_.log.warn("{}, asked for{}, is refused: {}", escape_to_ascii(action), by, denied);
}

void ControlConnection::finish() {
  finishing_ = true;
  subscribed_ = false;
  read_watcher_.stop();
  flush();
}

void ControlConnection::close() {
  services_.turns.forget(*this);
  read_watcher_.stop();
  write_watcher_.stop();
  next_timer_.stop();
  socket_.reset();
}

}  // namespace prefork
