#include "supervisor/listen/listener.h"

#include <sys/socket.h>

#include <cerrno>
#include <system_error>
#include <utility>

#include "supervisor/system/clock.h"
#include "supervisor/system/quiesce.h"
#include "supervisor/system/socket.h"

namespace prefork {

Listener::Listener(const Loop& loop, Log& log, const ClientDescriptors& clients, Owner& owner,
                   ListenSocket socket, ListenerIndex index)
    : log_(log),
      clients_(clients),
      owner_(owner),
      socket_(std::move(socket)),
      index_(index),
      watcher_(loop),
      timer_(loop),
      drain_timer_(loop) {}

void Listener::set_accepting(bool accepting) {
  if (accepting_ == accepting) return;
  accepting_ = accepting;
  if (accepting) {
    watcher_.start(socket_.descriptor(), Callback::to<&Listener::on_readable>(*this));
    if (waiting_.valid()) timer_.start(kPause, Callback::to<&Listener::on_timer>(*this));
  } else {
    watcher_.stop();
    timer_.stop();
    paused_ = false;
  }
}

void Listener::on_readable() {
  for (int i = 0; i < kAcceptsPerWakeUp && accepting_ && accept_one(); ++i) {
  }
}

bool Listener::drain_backlog() {
  bool emptied = true;
  if (!socket_.has_other_owner()) {
    (void)quiesce(socket_.descriptor());  // if it fails, a client that connects at the last moment is reset
    bool more = true;
    for (int i = 0; i < kAcceptsPerDrain && more; ++i) {
      // Out of descriptors: one more attempt, since the pools may have freed some.
      const bool tried_again = paused_;
      more = accept_one() || (paused_ && !tried_again);
    }
    emptied = !paused_;
  }
  set_accepting(false);
  timer_.stop();
  hand_over_waiting();
  return emptied;
}

void Listener::drain() {
  // A unix socket has no handshakes.
  const bool has_handshakes =
      !socket_.has_other_owner() && socket_.address().kind == ListenAddress::Kind::kTcp;
  if (drain_backlog() && !has_handshakes) return;
  draining_ = true;
  go_on_draining();
}

void Listener::go_on_draining() {
  set_accepting(true);
  drain_timer_.start(kHandshake, Callback::to<&Listener::end_drain>(*this));
}

void Listener::end_drain() {
  if (!draining_) return;
  if (!drain_backlog() && ++drain_attempts_ < kDrainAttempts) return go_on_draining();
  draining_ = false;
  drain_timer_.stop();
}

void Listener::hand_over_waiting() {
  if (waiting_.valid()) hand_over(next_client());
}

Listener::Client Listener::next_client() {
  if (waiting_.valid()) {
    const ClientAddress address = client_address(waiting_);
    return {std::move(waiting_), address};
  }
  sockaddr_storage address{};
  socklen_t size = sizeof(address);
  Fd socket(::accept4(socket_.descriptor(), reinterpret_cast<sockaddr*>(&address), &size, SOCK_CLOEXEC));
  if (!socket.valid()) return {};
  return {std::move(socket), client_address(address)};
}

bool Listener::accept_one() {
  Client client = next_client();
  if (client.socket.valid()) {
    if (clients_.take(client.socket)) return hand_over(std::move(client)), true;
    waiting_ = std::move(client.socket);
    return pause(EMFILE), false;
  }
  return failed(errno);
}

bool Listener::failed(int error) {
  switch (error) {
    case EAGAIN:                                 // the backlog is empty
    case EINVAL: paused_ = false; return false;  // the socket was shut down
    case EMFILE:
    case ENFILE:
    case ENOBUFS:
    case ENOMEM: pause(error); return false;
    default: break;
  }
  // This connection failed before it was accepted, and the next one may be fine. But an error that comes
  // every time, such as a rule of a container that denies the call, would keep the loop busy.
  if (++failures_ < kAcceptsPerWakeUp) return true;
  failures_ = 0;
  return pause(error), false;
}

void Listener::hand_over(Client client) {
  ++accepted_;
  paused_ = false;
  failures_ = 0;
  owner_.accepted(std::move(client.socket), client.address, index_, socket_.address().proxy_protocol);
}

void Listener::pause(int error) {
  paused_ = true;
  watcher_.stop();
  const bool descriptors = error == EMFILE || error == ENFILE;
  timer_.start(descriptors ? kShortPause : kPause, Callback::to<&Listener::on_timer>(*this));
  if (descriptors) owner_.out_of_descriptors();
  const Instant now = current_time();
  if (now - last_complaint_ < std::chrono::seconds(10)) return;
  last_complaint_ = now;
  log_.warn("listen {}: accepting is paused, clients wait in the backlog: {}", socket_.name(),
            std::error_code(error, std::system_category()).message());
}

void Listener::on_timer() {
  if (!accepting_) return;
  watcher_.start(socket_.descriptor(), Callback::to<&Listener::on_readable>(*this));
  if (waiting_.valid()) on_readable();  // the backlog may stay empty
}

}  // namespace prefork
