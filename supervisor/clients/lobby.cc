#include "supervisor/clients/lobby.h"

#include <sys/epoll.h>

#include <array>

namespace prefork {

Lobby::Lobby(const Loop& loop, Owner& owner) : owner_(owner), watcher_(loop) { open(); }

void Lobby::open() {
  epoll_.reset(::epoll_create1(EPOLL_CLOEXEC));
  if (epoll_.valid()) watcher_.start(epoll_.get(), Callback::to<&Lobby::on_readable>(*this));
}

Result<void> Lobby::watch(Ticket ticket, const Fd& socket, bool again) {
  if (!epoll_.valid()) open();  // no descriptor was free for it
  // EPOLLONESHOT: a connection that is being served does not wake the supervisor, and stays in the epoll for
  // the next watch().
  epoll_event event{.events = EPOLLIN | EPOLLRDHUP | EPOLLONESHOT, .data = {.u64 = ticket.value}};
  if (::epoll_ctl(epoll_.get(), again ? EPOLL_CTL_MOD : EPOLL_CTL_ADD, socket.get(), &event) == 0) return {};
  return system_error("watch a connection");
}

void Lobby::forget(const Fd& socket) {
  (void)::epoll_ctl(epoll_.get(), EPOLL_CTL_DEL, socket.get(), nullptr);
}

void Lobby::on_readable() {
  std::array<epoll_event, kSeenPerWakeUp> events;
  const int count = ::epoll_wait(epoll_.get(), events.data(), kSeenPerWakeUp, 0);
  for (int i = 0; i < count; ++i) {
    const epoll_event& event = events[static_cast<std::size_t>(i)];
    owner_.seen(Ticket{event.data.u64}, event.events);
  }
}

}  // namespace prefork
