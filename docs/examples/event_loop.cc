// An echo service in C++ with an event loop of its own: up to 64 connections in each worker.
//
//   g++ -std=c++17 -O2 event_loop.cc -o event_loop $(pkg-config --cflags --libs prefork-worker)
//   supervisor run --listen 127.0.0.1:8080 --protocol native --workers 2 --connections-per-worker 64 -- ./event_loop
#include <prefork/worker/slots.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <csignal>
#include <cstdio>
#include <map>
#include <utility>

namespace {

using prefork::worker::Connection;
using prefork::worker::Slots;

Slots* stopped_by_term = nullptr;
extern "C" void stop(int) { stopped_by_term->stop(); }

class Loop {
 public:
  explicit Loop(Slots& slots) : slots_(slots), epoll_(::epoll_create1(EPOLL_CLOEXEC)) {
    watch(slots.descriptor());
  }
  Loop(const Loop&) = delete;
  Loop& operator=(const Loop&) = delete;
  ~Loop() {
    connections_.clear();
    ::close(epoll_);
  }

  void run() {
    while (!slots_.finished()) {
      epoll_event event{};
      if (::epoll_wait(epoll_, &event, 1, -1) != 1) continue;  // a signal
      if (event.data.fd == slots_.descriptor()) {
        take_connections();
      } else {
        echo(event.data.fd);
      }
    }
  }

 private:
  void watch(int descriptor) {
    epoll_event event{};
    event.events = EPOLLIN;
    event.data.fd = descriptor;
    ::epoll_ctl(epoll_, EPOLL_CTL_ADD, descriptor, &event);
  }
  void forget(int descriptor) { ::epoll_ctl(epoll_, EPOLL_CTL_DEL, descriptor, nullptr); }

  void take_connections() {
    while (auto connection = slots_.next()) {
      const int socket = connection->socket();
      watch(socket);
      connections_.emplace(socket, std::move(*connection));
    }
    if (slots_.draining()) forget(slots_.descriptor());
    slots_.report_load(static_cast<unsigned>(connections_.size() * 1000 / 64));
  }

  void echo(int socket) {
    char bytes[4096];
    const ssize_t size = ::recv(socket, bytes, sizeof(bytes), MSG_DONTWAIT);
    // A client that does not read would hold up the others: it is ended.
    if (size > 0 && ::send(socket, bytes, static_cast<size_t>(size), MSG_NOSIGNAL | MSG_DONTWAIT) == size) return;
    forget(socket);  // before the connection is finished
    connections_.erase(socket);
  }

  Slots& slots_;
  int epoll_;
  std::map<int, Connection> connections_;
};

}  // namespace

int main() {
  auto [slots, exit_code] = Slots::open(64);
  if (!slots) return exit_code;
  stopped_by_term = &*slots;
  std::signal(SIGTERM, stop);
  Loop(*slots).run();
  std::signal(SIGTERM, SIG_IGN);
  return slots->exit_code();
}
