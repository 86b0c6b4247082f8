#include "worker/program/socket_stream.h"

#include <poll.h>
#include <sys/socket.h>

#include <algorithm>
#include <boost/asio/error.hpp>
#include <cerrno>
#include <limits>

namespace prefork::worker {

bool SocketStream::wait(short events) {
  pollfd state{.fd = socket_, .events = events, .revents = 0};
  for (;;) {
    const auto left =
        std::chrono::ceil<std::chrono::milliseconds>(deadline_ - std::chrono::steady_clock::now()).count();
    const auto timeout = std::clamp<decltype(left)>(left, 0, std::numeric_limits<int>::max());
    const int ready = ::poll(&state, 1, static_cast<int>(timeout));
    if (ready > 0) return true;
    if (ready == 0 || errno != EINTR) return false;
  }
}

void SocketStream::discard_unread() {
  constexpr std::size_t kAtMost = 65536;
  // With MSG_TRUNC the kernel throws the bytes away without copying them.
  (void)::recv(socket_, nullptr, kAtMost, MSG_TRUNC | MSG_DONTWAIT);
}

std::size_t SocketStream::read_once(boost::asio::mutable_buffer buffer, ErrorCode& error) {
  error = {};
  for (;;) {
    const ssize_t size = ::recv(socket_, buffer.data(), buffer.size(), MSG_DONTWAIT);
    if (size > 0) return static_cast<std::size_t>(size);
    if (size == 0) {
      error = boost::asio::error::eof;
      return 0;
    }
    if (errno == EAGAIN && !wait(POLLIN)) {
      error = boost::asio::error::timed_out;
      return 0;
    }
    if (errno != EAGAIN && errno != EINTR) {
      error = ErrorCode(errno, boost::system::system_category());
      return 0;
    }
  }
}

std::size_t SocketStream::write_once(std::span<iovec> parts, ErrorCode& error) {
  error = {};
  msghdr message{};
  message.msg_iov = parts.data();
  message.msg_iovlen = parts.size();
  for (;;) {
    const ssize_t size = ::sendmsg(socket_, &message, MSG_DONTWAIT | MSG_NOSIGNAL);
    if (size >= 0) return static_cast<std::size_t>(size);
    if (errno == EAGAIN && !wait(POLLOUT)) {
      error = boost::asio::error::timed_out;
      return 0;
    }
    if (errno != EAGAIN && errno != EINTR) {
      error = ErrorCode(errno, boost::system::system_category());
      return 0;
    }
  }
}

}  // namespace prefork::worker
