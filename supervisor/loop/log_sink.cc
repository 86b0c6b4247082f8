#include "supervisor/loop/log_sink.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <csignal>
#include <utility>

namespace prefork {

namespace {

/// While it lives, a write to the controlling terminal from the background raises no SIGTTOU, even after
/// `stty tostop`: for the supervisor this signal is a request, not a reason to stop writing.
class TerminalOutput {
 public:
  TerminalOutput() {
    sigset_t output;
    sigemptyset(&output);
    sigaddset(&output, SIGTTOU);
    (void)::pthread_sigmask(SIG_BLOCK, &output, &before_);
  }
  ~TerminalOutput() { (void)::pthread_sigmask(SIG_SETMASK, &before_, nullptr); }
  TerminalOutput(const TerminalOutput&) = delete;
  TerminalOutput& operator=(const TerminalOutput&) = delete;

 private:
  sigset_t before_{};
};

FileWriter::Written written(ssize_t size) { return {size, errno}; }

}  // namespace

NonBlockingSink::NonBlockingSink(int descriptor) : descriptor_(descriptor) {
  struct stat status {};
  if (::fstat(descriptor, &status) < 0) return;
  socket_ = S_ISSOCK(status.st_mode);
  terminal_ = ::isatty(descriptor) == 1;
  if (S_ISFIFO(status.st_mode) || S_ISCHR(status.st_mode)) {
    // O_NONBLOCK on the descriptor itself would be shared with all processes that hold it, our workers
    // included.
    const std::string path = "/proc/self/fd/" + std::to_string(descriptor);
    reopened_.reset(::open(path.c_str(), O_WRONLY | O_NONBLOCK | O_CLOEXEC | O_NOCTTY));
  }
}

bool NonBlockingSink::never_wait() {
  return socket_ || reopened_.valid() || writer_.started() || writer_.start(descriptor_);
}

FileWriter::Written NonBlockingSink::write_now(std::string_view text) const {
  if (socket_) return written(::send(descriptor_, text.data(), text.size(), MSG_DONTWAIT | MSG_NOSIGNAL));
  if (terminal_) {
    const TerminalOutput allowed;
    return written(::write(reopened_.valid() ? reopened_.get() : descriptor_, text.data(), text.size()));
  }
  if (reopened_.valid()) return written(::write(reopened_.get(), text.data(), text.size()));
  // A regular file, or a pipe that could not be opened again: one that is ready takes this much without
  // blocking.
  pollfd state{.fd = descriptor_, .events = POLLOUT, .revents = 0};
  if (::poll(&state, 1, 0) == 0) return {0, 0};
  return written(::write(descriptor_, text.data(), std::min<std::size_t>(text.size(), 4096)));
}

FileWriter::Written NonBlockingSink::write_in_thread(std::string_view text) {
  if (writer_.busy()) return {0, 0};
  if (const auto result = writer_.take_result()) return *result;
  if (!held_) writer_.begin(text);
  return {0, 0};
}

std::ptrdiff_t NonBlockingSink::write_some(std::string_view text) {
  const auto [size, error] = writer_.started() ? write_in_thread(text) : write_now(text);
  if (size >= 0) return size;
  const bool full = error == ENOSPC || error == EDQUOT || error == EFBIG;  // EFBIG: RLIMIT_FSIZE
  return full || error == EAGAIN || error == EINTR ? 0 : -1;
}

void NonBlockingSink::write_rest(std::chrono::steady_clock::time_point deadline) {
  while (!write_pending() && writer_.await_result(deadline)) {
  }
}

bool NonBlockingSink::write_pending() {
  while (!pending_.empty()) {
    const std::ptrdiff_t written = write_some(pending_);
    if (written == 0) return false;
    if (written < 0) {
      // EPIPE and the like: no reader is left, and waiting is useless.
      dropped_ += static_cast<std::uint64_t>(std::count(pending_.begin(), pending_.end(), '\n'));
      pending_.clear();
      return true;
    }
    pending_.erase(0, static_cast<std::size_t>(written));
  }
  if (pending_.capacity() > 4096) pending_.shrink_to_fit();
  return true;
}

void NonBlockingSink::append(std::string_view line) {
  if (pending_.size() + line.size() > kBufferLimit) {
    ++dropped_;
    return;
  }
  pending_.append(line);
}

void NonBlockingSink::adopt(const std::string& waiting, std::uint64_t dropped) {
  pending_ = waiting + pending_;
  dropped_ += dropped;
}

void NonBlockingSink::report_dropped() {
  if (!write_pending() || dropped_ == 0) return;
  const std::uint64_t lines = std::exchange(dropped_, 0);
  const std::string note = fmt::format(
      "{} log lines were dropped: the log's reader was too slow or gone, or no space was left", lines);
  spdlog::memory_buf_t text;
  formatter_->format(spdlog::details::log_msg("", spdlog::level::warn, note), text);
  append(std::string_view(text.data(), text.size()));
}

void NonBlockingSink::sink_it_(const spdlog::details::log_msg& message) {
  report_dropped();
  spdlog::memory_buf_t text;
  formatter_->format(message, text);
  append(std::string_view(text.data(), text.size()));
  (void)write_pending();
}

void NonBlockingSink::write_line(std::string_view line) {
  report_dropped();
  append(std::string(line) + '\n');
  (void)write_pending();
}

}  // namespace prefork
