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
      retirement_(loop) {}

void Listener::set_accepting(bool accepting) {
  if (accepting_ == accepting) return;
  accepting_ = accepting;
  if (accepting) {
    watcher_.start(socket_.descriptor(), Callback::to<&Listener::on_readable>(*this));
    if (unmoved_.valid()) timer_.start(kPause, Callback::to<&Listener::on_timer>(*this));
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

void Listener::accept_backlog() {
  if (!socket_.outlives_us()) {
    (void)quiesce(socket_.descriptor());  // without it, who connects at the last moment is reset
    bool goes_on = true;
    for (int i = 0; i < kAcceptsAtEnd && goes_on; ++i) {
      // Out of descriptors, others have made room meanwhile, unless they could not.
      const bool tried_again = paused_;
      goes_on = accept_one() || (paused_ && !tried_again);
    }
  }
  set_accepting(false);
  timer_.stop();
  let_go();
}

void Listener::retire() {
  // A unix socket has no handshakes.
  const bool lasts = !socket_.outlives_us() && socket_.address().kind == ListenAddress::Kind::kTcp;
  accept_backlog();
  if (!lasts) return;
  retiring_ = true;
  set_accepting(true);
  retirement_.start(kHandshake, Callback::to<&Listener::end_retirement>(*this));
}

void Listener::end_retirement() {
  if (!retiring_) return;
  retiring_ = false;
  retirement_.stop();
  accept_backlog();
}

void Listener::let_go() {
  if (unmoved_.valid()) hand_over(next_client());
}

Listener::Client Listener::next_client() {
  if (unmoved_.valid()) {
    const ClientAddress address = client_address(unmoved_);
    return {std::move(unmoved_), address};
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
    unmoved_ = std::move(client.socket);
    return pause(EMFILE), false;
  }
  switch (errno) {
    case EAGAIN:
    case EINVAL: paused_ = false; return false;  // nobody waits; or nobody, and nobody will
    case EMFILE:
    case ENFILE:
    case ENOBUFS:
    case ENOMEM: pause(errno); return false;
    default: return true;  // this one connection failed before it was accepted; the next may be fine
  }
}

void Listener::hand_over(Client client) {
  ++accepted_;
  paused_ = false;
  owner_.accepted(std::move(client.socket), client.address, index_);
}

void Listener::pause(int error) {
  paused_ = true;
  watcher_.stop();
  const bool descriptors = error == EMFILE || error == ENFILE;
  timer_.start(descriptors ? kShortPause : kPause, Callback::to<&Listener::on_timer>(*this));
  if (descriptors) owner_.short_of_descriptors();
  const Instant now = current_time();
  if (now - last_complaint_ < std::chrono::seconds(10)) return;
  last_complaint_ = now;
  log_.warn("listen {}: accepting is paused, clients wait in the backlog: {}", socket_.name(),
            std::error_code(error, std::system_category()).message());
}

void Listener::on_timer() {
  if (!accepting_) return;
  watcher_.start(socket_.descriptor(), Callback::to<&Listener::on_readable>(*this));
  if (unmoved_.valid()) on_readable();  // nobody else may come
}

}  // namespace prefork
