#include "supervisor/io/listener.h"

#include <sys/socket.h>

#include <cerrno>
#include <system_error>
#include <utility>

#include "supervisor/io/quiesce.h"

namespace prefork {

Listener::Listener(const Loop& loop, Log& log, Owner& owner, ListenSocket socket, ListenerIndex index)
    : log_(log), owner_(owner), socket_(std::move(socket)), index_(index), watcher_(loop), timer_(loop) {}

void Listener::set_accepting(bool accepting) {
  if (accepting_ == accepting) return;
  accepting_ = accepting;
  if (accepting) {
    watcher_.start(socket_.descriptor(), Callback::to<&Listener::on_readable>(*this));
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
    for (int i = 0; i < kAcceptsAtEnd && accept_one(); ++i) {
    }
  }
  set_accepting(false);
  timer_.stop();
}

bool Listener::accept_one() {
  Fd socket(::accept4(socket_.descriptor(), nullptr, nullptr, SOCK_CLOEXEC));
  if (socket.valid()) {
    ++accepted_;
    paused_ = false;
    owner_.accepted(std::move(socket), index_);
    return true;
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

void Listener::pause(int error) {
  paused_ = true;
  watcher_.stop();
  timer_.start(kPause, Callback::to<&Listener::on_timer>(*this));
  const Instant now = std::chrono::steady_clock::now();
  if (now - last_complaint_ < std::chrono::seconds(10)) return;
  last_complaint_ = now;
  log_.warn("listen {}: accepting is paused, clients wait in the backlog: {}", socket_.name(),
            std::error_code(error, std::system_category()).message());
}

void Listener::on_timer() {
  if (accepting_) watcher_.start(socket_.descriptor(), Callback::to<&Listener::on_readable>(*this));
}

}  // namespace prefork
