#include "tests/bench/http_client.h"

#include <netinet/tcp.h>
#include <sys/socket.h>

#include <array>
#include <boost/asio/buffer.hpp>
#include <boost/beast/http/error.hpp>
#include <cerrno>

namespace prefork::bench {

namespace protocol = boost::beast::http;

void HttpClient::ask(std::string_view bytes) {
  request_ = bytes;
  answer_.emplace();
  answer_->eager(true);
  unparsed_.clear();
  sent_ = touched_ = false;
  if (!socket_.valid()) connect();
}

void HttpClient::leave() {
  socket_.reset();
  answer_.reset();
  request_ = {};
}

void HttpClient::connect() {
  kept_ = sent_ = false;
  ++connections_;
  socket_.reset(::socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
  const int on = 1;
  (void)::setsockopt(socket_.get(), IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
  if (route_.source.s_addr != 0) {
    // Each address has all ports for this server; without the option each would have them for all servers.
    (void)::setsockopt(socket_.get(), IPPROTO_IP, IP_BIND_ADDRESS_NO_PORT, &on, sizeof(on));
    const sockaddr_in source{.sin_family = AF_INET, .sin_port = 0, .sin_addr = route_.source, .sin_zero = {}};
    (void)::bind(socket_.get(), reinterpret_cast<const sockaddr*>(&source), sizeof(source));
  }
  // What goes wrong here is seen by advance(): a socket that is not connected cannot be sent to.
  (void)::connect(socket_.get(), reinterpret_cast<const sockaddr*>(&route_.server), sizeof(route_.server));
}

Outcome HttpClient::advance() {
  if (!socket_.valid()) return Outcome::kPending;
  if (!request_.empty() && !sent_) {
    const Outcome outcome = send_request();
    if (outcome != Outcome::kPending || !sent_) return outcome;
  }
  return read_answer();
}

Outcome HttpClient::send_request() {
  // A request fits the empty send buffer: it is sent whole or not at all.
  if (::send(socket_.get(), request_.data(), request_.size(), MSG_NOSIGNAL) >= 0) {
    sent_ = true;
    return Outcome::kPending;
  }
  if (errno == EAGAIN || errno == EINTR) return Outcome::kPending;
  return end_of_connection(errno == ECONNRESET || errno == EPIPE ? Outcome::kReset : Outcome::kRefused);
}

Outcome HttpClient::read_answer() {
  std::array<char, 16384> buffer;
  for (;;) {
    const ssize_t size = ::recv(socket_.get(), buffer.data(), buffer.size(), 0);
    if (size > 0) {
      touched_ = true;
      const Outcome outcome = parse({buffer.data(), static_cast<std::size_t>(size)});
      if (outcome != Outcome::kPending) return outcome;
    } else if (size == 0) {
      return end_of_connection(Outcome::kUnanswered);
    } else if (errno == EAGAIN) {
      return Outcome::kPending;
    } else if (errno != EINTR) {
      return end_of_connection(errno == ECONNREFUSED ? Outcome::kRefused : Outcome::kReset);
    }
  }
}

Outcome HttpClient::parse(std::string_view bytes) {
  if (!answer_) return leave(), Outcome::kPending;  // something that nobody has asked for
  unparsed_.append(bytes);
  boost::system::error_code error;
  unparsed_.erase(0, answer_->put(boost::asio::buffer(unparsed_), error));
  if (error && error != protocol::error::need_more) return leave(), Outcome::kUnanswered;
  if (!answer_->is_done()) return Outcome::kPending;
  const bool wanted = answer_->get().result() == protocol::status::ok;
  kept_ = answer_->keep_alive();
  if (!kept_) socket_.reset();
  answer_.reset();
  request_ = {};
  return wanted ? Outcome::kAnswered : Outcome::kTurnedAway;
}

Outcome HttpClient::end_of_connection(Outcome outcome) {
  socket_.reset();
  if (request_.empty()) return Outcome::kPending;
  // A server may close a connection that rests in the moment in which the client asks: every client of HTTP
  // asks again then.
  if (kept_ && !touched_) {
    connect();
    return advance();
  }
  leave();
  return outcome;
}

}  // namespace prefork::bench
