#include "worker/program/listen.h"

#include <poll.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <csignal>
#include <cstdio>
#include <utility>
#include <vector>

#include "worker/program/listener.h"

namespace prefork::worker {
namespace {

/// The client of a connection that this process accepted: no other process can take it over.
class Accepted final : public Host {
 public:
  explicit Accepted(int socket) : socket_(socket) {}
  bool leaving() override { return false; }
  bool next_request(std::chrono::milliseconds time) override {
    pollfd readable{.fd = socket_, .events = POLLIN, .revents = 0};
    return ::poll(&readable, 1, static_cast<int>(time.count())) > 0;
  }

 private:
  int socket_;
};

[[noreturn]] void serve_for_ever(const Fd& listener, const Service& service) {
  for (;;) {
    const Fd client(::accept4(listener.get(), nullptr, nullptr, SOCK_CLOEXEC));
    if (client.valid()) {
      Accepted host(client.get());
      service(client.get(), host);
      continue;
    }
    // EINTR, or the client closed before accept(): go on. Any other error ends the child.
    const Error error = system_error("accept");
    if (error.code.value() == EINTR || error.code.value() == ECONNABORTED) continue;
    (void)std::fprintf(stderr, "%s\n", error.message().c_str());
    ::_exit(1);
  }
}

/// The parent of the accepting children.
class AcceptingChildren {
 public:
  /// Blocks the signals it waits for. `service` must outlive it.
  explicit AcceptingChildren(const Service& service) : service_(service) {
    sigemptyset(&awaited_);
    for (const int signal : {SIGTERM, SIGINT, SIGCHLD}) sigaddset(&awaited_, signal);
    (void)::sigprocmask(SIG_BLOCK, &awaited_, &inherited_);
  }

  /// Forks a child that accepts at the listener `mine` and closes the others. False: fork() has failed.
  bool add(std::vector<Fd>& listeners, std::size_t mine) {
    const pid_t parent = ::getpid();
    const pid_t child = ::fork();
    if (child == 0) {
      (void)::prctl(PR_SET_PDEATHSIG, SIGTERM);
      if (::getppid() != parent) ::_exit(1);
      (void)::sigprocmask(SIG_SETMASK, &inherited_, nullptr);
      const Fd listener = std::move(listeners[mine]);
      listeners.clear();
      serve_for_ever(listener, service_);
    }
    if (child < 0) {
      (void)std::fprintf(stderr, "%s\n", system_error("fork").message().c_str());
      return false;
    }
    children_.push_back(child);
    return true;
  }

  /// Waits for SIGTERM, SIGINT or the death of a child. The exit code for main().
  int wait() {
    int signal = 0;
    (void)::sigwait(&awaited_, &signal);
    if (signal == SIGCHLD) (void)std::fprintf(stderr, "a worker died, so the others stop\n");
    return signal == SIGCHLD ? 1 : 0;
  }

  void stop() {
    for (const pid_t child : children_) (void)::kill(child, SIGTERM);
    for (const pid_t child : children_) {
      while (::waitpid(child, nullptr, 0) < 0 && errno == EINTR) {
      }
    }
  }

 private:
  const Service& service_;
  sigset_t awaited_{};
  sigset_t inherited_{};
  std::vector<pid_t> children_;
};

/// One listener, or with SO_REUSEPORT one for each worker, all on one port.
Result<std::vector<Fd>> open_listeners(Address address, const ListenOptions& options) {
  std::vector<Fd> listeners;
  const unsigned count = options.reuse_port ? options.workers : 1;
  while (listeners.size() < count) {
    Result<Fd> listener = open_listener(address, options.reuse_port);
    if (!listener) return listener.error();
    listeners.push_back(std::move(listener).value());
    Result<Address> bound = address_of(listeners.front());
    if (!bound) return bound.error();
    address = std::move(bound).value();
  }
  return listeners;
}

int print_and_return(const Error& error, int exit_code) {
  (void)std::fprintf(stderr, "%s\n", error.message().c_str());
  return exit_code;
}

}  // namespace

int listen_and_serve(const ListenOptions& options, const Service& service) {
  Result<Address> address = parse_address(options.address);
  if (!address) return print_and_return(address.error(), 2);
  Result<std::vector<Fd>> opened = open_listeners(std::move(address).value(), options);
  if (!opened) return print_and_return(opened.error(), 1);
  std::vector<Fd> listeners = std::move(opened).value();
  const Result<Address> bound = address_of(listeners.front());
  if (!bound) return print_and_return(bound.error(), 1);

  (void)std::fflush(nullptr);
  AcceptingChildren children(service);
  int exit_code = 0;
  for (unsigned i = 0; i < options.workers && exit_code == 0; ++i) {
    if (!children.add(listeners, options.reuse_port ? i : 0)) exit_code = 1;
  }
  // From here on only the children hold listeners: a copy in this process would keep connections waiting
  // unaccepted.
  listeners.clear();
  if (exit_code == 0) {
    (void)std::printf("listening on %s\n", text_of(bound.value()).c_str());
    (void)std::fflush(stdout);
    exit_code = children.wait();
  }
  children.stop();
  return exit_code;
}

}  // namespace prefork::worker
