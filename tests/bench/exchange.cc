#include "tests/bench/exchange.h"

#include <netinet/tcp.h>
#include <sys/socket.h>

#include <array>
#include <cerrno>

namespace prefork::bench {

void Exchange::begin(const sockaddr_in& server, const Request& request, Instant due) {
  request_ = request;
  due_ = due;
  received_ = 0;
  sent_ = false;
  socket_.reset(::socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
  // What goes wrong here is seen by advance(): a socket that is not connected cannot be sent to.
  (void)::connect(socket_.get(), reinterpret_cast<const sockaddr*>(&server), sizeof(server));
}

Outcome Exchange::advance() {
  if (!sent_) {
    const Outcome outcome = send_request();
    if (outcome != Outcome::kPending || !sent_) return outcome;
  }
  return read_answer();
}

void Exchange::give_up() { socket_.reset(); }

Outcome Exchange::send_request() {
  // A request fits the empty send buffer of a new connection: it is sent whole or not at all.
  const ssize_t size = ::send(socket_.get(), request_.bytes.data(), request_.bytes.size(), MSG_NOSIGNAL);
  if (size >= 0) {
    sent_ = true;
    return Outcome::kPending;
  }
  if (errno == EAGAIN || errno == EINTR) return Outcome::kPending;
  return errno == ECONNRESET || errno == EPIPE ? Outcome::kReset : Outcome::kRefused;
}

Outcome Exchange::read_answer() {
  std::array<char, 4096> buffer;
  for (;;) {
    const ssize_t size = ::recv(socket_.get(), buffer.data(), buffer.size(), 0);
    if (size > 0) {
      received_ += static_cast<std::size_t>(size);
    } else if (size == 0) {
      return received_ >= request_.answer_size ? Outcome::kAnswered : Outcome::kUnanswered;
    } else if (errno == EAGAIN) {
      return Outcome::kPending;
    } else if (errno != EINTR) {
      return errno == ECONNREFUSED ? Outcome::kRefused : Outcome::kReset;
    }
  }
}

}  // namespace prefork::bench
