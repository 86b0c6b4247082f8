// A server that is statically linked, so that no library can be preloaded into it. It listens where HOST and
// PORT tell, and answers each client's first bytes with "OK PID\n". A word tells how it differs from that.
#include <arpa/inet.h>
#include <fcntl.h>
#include <linux/close_range.h>
#include <netinet/in.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <sys/un.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <string_view>
#include <thread>
#include <vector>

namespace {

volatile std::sig_atomic_t asked_to_end = 0;

int listening(int flags) {
  const char* host = std::getenv("HOST");
  const char* port = std::getenv("PORT");
  const int listener = ::socket(AF_INET, SOCK_STREAM | flags, 0);
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(static_cast<in_port_t>(std::atoi(port == nullptr ? "0" : port)));
  const int on = 1;
  if (::inet_pton(AF_INET, host == nullptr ? "127.0.0.1" : host, &address.sin_addr) != 1 ||
      ::setsockopt(listener, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on)) != 0 ||
      ::bind(listener, reinterpret_cast<const sockaddr*>(&address), sizeof(address)) != 0 ||
      ::listen(listener, 16) != 0) {
    std::perror("static-server");
    std::exit(1);
  }
  return listener;
}

void serve(int client) {
  std::array<char, 256> request{};
  if (::read(client, request.data(), request.size()) > 0) {
    std::array<char, 32> answer{};
    const int size = std::snprintf(answer.data(), answer.size(), "OK %d\n", static_cast<int>(::getpid()));
    (void)!::write(client, answer.data(), static_cast<std::size_t>(size));
  }
}

/// One connection; false: accept() has failed. Its errno is the program's end if it is none that servers
/// expect.
bool serve_next(int listener) {
  sockaddr_in client{};
  socklen_t size = sizeof(client);
  const int connection = ::accept(listener, reinterpret_cast<sockaddr*>(&client), &size);
  if (connection < 0) {
    if (errno == EAGAIN || errno == EINTR || errno == ECONNABORTED) return false;
    std::perror("static-server: accept");
    std::exit(3);
  }
  if (client.sin_family != AF_INET || client.sin_addr.s_addr != htonl(INADDR_LOOPBACK)) std::exit(4);
  serve(connection);
  if (::close(connection) != 0) std::exit(5);
  return true;
}

[[noreturn]] void serve_all(int listener) {
  while (true) (void)serve_next(listener);
}

/// As programs with an event loop do, and those in Go: edge-triggered, until there is none.
[[noreturn]] void serve_by_epoll(int listener) {
  const int queue = ::epoll_create1(EPOLL_CLOEXEC);
  epoll_event readable{.events = EPOLLIN | EPOLLOUT | EPOLLET, .data = {.fd = listener}};
  if (::epoll_ctl(queue, EPOLL_CTL_ADD, listener, &readable) != 0) std::exit(6);
  while (true) {
    if (::epoll_wait(queue, &readable, 1, -1) != 1) continue;
    while (serve_next(listener)) {
    }
  }
}

[[noreturn]] void serve_by_threads(int listener) {
  std::vector<std::thread> threads;
  for (int i = 0; i < 3; ++i) threads.emplace_back([listener] { serve_all(listener); });
  serve_all(listener);
}

[[noreturn]] void serve_by_children(int listener) {
  if (::fork() == 0) serve_all(listener);
  while (true) ::pause();
}

/// A handler that lets calls go on (SA_RESTART), as signal() installs it: the flag is seen after accept()
/// only.
[[noreturn]] void serve_until_asked(int listener) {
  (void)std::signal(SIGTERM, [](int) { asked_to_end = 1; });
  while (asked_to_end == 0) (void)serve_next(listener);
  std::exit(0);
}

/// Signals end its calls all the time.
[[noreturn]] void serve_interrupted(int listener) {
  (void)std::signal(SIGALRM, [](int) {});
  const itimerval often{{0, 2000}, {0, 2000}};
  (void)::setitimer(ITIMER_REAL, &often, nullptr);
  serve_all(listener);
}

/// Calls that no honest program makes.
void attack(int listener) {
  const auto wild = reinterpret_cast<sockaddr*>(8);
  const auto kernel = reinterpret_cast<sockaddr*>(0xffff800000000000);
  socklen_t size = 0xffffffff;
  const int other = ::socket(AF_INET, SOCK_STREAM, 0);
  for (sockaddr* where : {wild, kernel}) {
    (void)::bind(other, where, 16);
    (void)::bind(other, where, 0xffffffff);
    (void)::getsockname(listener, where, &size);
    (void)::syscall(SYS_getsockname, listener, where, wild);
    (void)::getsockopt(listener, SOL_SOCKET, SO_TYPE, where, &size);
    (void)::setsockopt(other, IPPROTO_IPV6, IPV6_V6ONLY, where, 4);
  }
  sockaddr_un longest{};
  longest.sun_family = AF_UNIX;
  (void)::bind(other, reinterpret_cast<sockaddr*>(&longest), sizeof(longest) + 1);
  for (unsigned number = 500; number < 70000; number += 13) (void)::close(static_cast<int>(number));
  (void)::syscall(SYS_close_range, 500U, ~0U, 0U);
  (void)::syscall(SYS_close_range, ~0U, 500U, 0U);
  for (int i = 0; i < 200; ++i) {
    const pid_t child = ::fork();
    if (child == 0) {
      (void)::accept(other, wild, &size);
      ::_exit(0);
    }
    (void)::kill(child, SIGKILL);
  }
  (void)::close(other);
}

bool is_null_device(int number) {
  struct stat info {};
  return ::fstat(number, &info) == 0 && S_ISCHR(info.st_mode);
}

/// Has nearly all numbers in use, the highest too, and ends when one of them is not its own any more.
[[noreturn]] void serve_with_all_numbers(int listener) {
  const int null = ::open("/dev/null", O_RDONLY);
  int last = null;
  for (int next = null; next >= 0; next = ::dup(null)) last = next;
  // Free: some of the lowest, and some of those that connections may have.
  for (int i = 1; i <= 5; ++i) (void)::close(null + i);
  for (int i = 3; i <= 8; ++i) (void)::close(last - i);
  while (true) {
    (void)serve_next(listener);
    for (int number = null + 6; number < last - 8; ++number) {
      if (!is_null_device(number)) std::exit(7);
    }
    for (int number = last - 2; number <= last; ++number) {
      if (!is_null_device(number)) std::exit(8);
    }
  }
}

}  // namespace

int main(int argc, char** argv) {
  const std::string_view how = argc > 1 ? argv[1] : "";
  const int listener = listening(how == "epoll" ? SOCK_NONBLOCK : 0);
  if (how == "epoll") serve_by_epoll(listener);
  if (how == "threads") serve_by_threads(listener);
  if (how == "children") serve_by_children(listener);
  if (how == "until-asked") serve_until_asked(listener);
  if (how == "interrupted") serve_interrupted(listener);
  if (how == "hostile") attack(listener);
  if (how == "lowers") {
    const rlimit low{100, 100};
    (void)::setrlimit(RLIMIT_NOFILE, &low);
  }
  if (how == "full") serve_with_all_numbers(listener);
  if (how == "leaves") {
    while (!serve_next(listener)) {
    }
    (void)::close(listener);
    while (true) ::pause();
  }
  serve_all(listener);
}
