#include "supervisor/loop/log_sink.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <utility>

namespace prefork {

NonBlockingSink::NonBlockingSink(int descriptor) : descriptor_(descriptor) {
  struct stat status {};
  if (::fstat(descriptor, &status) < 0) return;
  socket_ = S_ISSOCK(status.st_mode);
  if (S_ISFIFO(status.st_mode) || S_ISCHR(status.st_mode)) {
    // O_NONBLOCK on the descriptor itself would be shared with all processes that hold it, our workers
    // included.
    const std::string path = "/proc/self/fd/" + std::to_string(descriptor);
    reopened_.reset(::open(path.c_str(), O_WRONLY | O_NONBLOCK | O_CLOEXEC | O_NOCTTY));
  }
}

std::ptrdiff_t NonBlockingSink::write_some(std::string_view text) {
  ssize_t written = 0;
  do {
    if (socket_) {
      written = ::send(descriptor_, text.data(), text.size(), MSG_DONTWAIT | MSG_NOSIGNAL);
    } else if (reopened_.valid()) {
      written = ::write(reopened_.get(), text.data(), text.size());
    } else {
      // A regular file, or a pipe that could not be opened again: one that is ready takes this much without
      // blocking.
      pollfd state{.fd = descriptor_, .events = POLLOUT, .revents = 0};
      if (::poll(&state, 1, 0) == 0) return 0;
      written = ::write(descriptor_, text.data(), std::min<std::size_t>(text.size(), 4096));
    }
  } while (written < 0 && errno == EINTR);
  if (written >= 0) return written;
  const bool full = errno == ENOSPC || errno == EDQUOT || errno == EFBIG;  // EFBIG: RLIMIT_FSIZE
  return full || errno == EAGAIN ? 0 : -1;
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
