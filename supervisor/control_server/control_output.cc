#include "supervisor/control_server/control_output.h"

#include <sys/socket.h>

#include <cerrno>
#include <span>
#include <utility>

#include "proto/passing.h"

namespace prefork {

bool ControlOutput::pass_with_next(std::vector<Fd> descriptors) {
  if (passing_) return false;
  passing_ = Passing{text_.size(), std::move(descriptors)};
  return true;
}

ControlOutput::Sent ControlOutput::send_to(int socket) {
  std::size_t sent = 0;
  int error = 0;
  while (sent < text_.size() && error == 0) {
    const ssize_t size = send_some(socket, sent);
    if (size >= 0) {
      sent += static_cast<std::size_t>(size);
    } else if (errno != EINTR) {
      error = errno;
    }
  }
  text_.erase(0, sent);
  if (passing_) passing_->begin -= sent;
  if (error != 0 && error != EAGAIN) return Sent::kFailed;
  return text_.empty() ? Sent::kAll : Sent::kSome;
}

ssize_t ControlOutput::send_some(int socket, std::size_t begin) {
  constexpr int kFlags = MSG_DONTWAIT | MSG_NOSIGNAL;
  if (!passing_) return ::send(socket, text_.data() + begin, text_.size() - begin, kFlags);
  if (begin < passing_->begin) return ::send(socket, text_.data() + begin, passing_->begin - begin, kFlags);
  const auto line = std::as_bytes(std::span(text_)).subspan(begin);
  const ssize_t size = send_passing(socket, line, passing_->descriptors, kFlags);
  if (size > 0) passing_.reset();  // they have gone with the first byte
  return size;
}

}  // namespace prefork
