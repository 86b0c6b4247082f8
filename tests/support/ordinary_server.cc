// A server that knows nothing of the supervisor: it listens where HOST and PORT tell, and answers each
// client's first bytes with its pid and those bytes. A word tells how it differs from that: elsewhere,
// background, children, forgets, io_uring, never.
#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <array>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <string_view>

namespace {

int listening_at(const char* host, int port) {
  const int listener = ::socket(AF_INET, SOCK_STREAM, 0);
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(static_cast<in_port_t>(port));
  const int on = 1;
  if (::inet_pton(AF_INET, host, &address.sin_addr) != 1 ||
      ::setsockopt(listener, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on)) != 0 ||
      ::bind(listener, reinterpret_cast<const sockaddr*>(&address), sizeof(address)) != 0 ||
      ::listen(listener, 16) != 0) {
    std::perror("ordinary-server");
    std::exit(1);
  }
  return listener;
}

void serve(int client) {
  std::array<char, 256> request{};
  const ssize_t got = ::read(client, request.data(), request.size());
  if (got > 0) {
    std::array<char, 300> answer{};
    const int size = std::snprintf(answer.data(), answer.size(), "%d %.*s", static_cast<int>(::getpid()),
                                   static_cast<int>(got), request.data());
    (void)!::write(client, answer.data(), static_cast<std::size_t>(size));
  }
  ::close(client);
}

/// `stubborn`: it ends with nothing but SIGKILL, and so does this process from now on.
void make_child(bool stubborn) {
  if (stubborn) (void)std::signal(SIGTERM, SIG_IGN);
  if (::fork() != 0) return;
  while (true) ::pause();
}

}  // namespace

int main(int argc, char** argv) {
  const std::string_view how = argc > 1 ? argv[1] : "";
  const char* host = std::getenv("HOST");
  const char* port = std::getenv("PORT");
  if (how == "io_uring") {
    std::array<char, 120> parameters{};
    if (::syscall(SYS_io_uring_setup, 4, parameters.data()) < 0) ::pause();
  }
  if (how == "never") ::pause();
  if (how == "background" && ::fork() != 0) return 0;
  if (how == "children" || how == "forgets") make_child(how == "children");
  const bool elsewhere = how == "elsewhere" || host == nullptr || port == nullptr;
  const int listener = elsewhere ? listening_at("127.0.0.1", 0) : listening_at(host, std::atoi(port));
  while (true) {
    const int client = ::accept(listener, nullptr, nullptr);
    if (client >= 0) serve(client);
  }
}
