// A server that knows nothing of the supervisor, for the table test over dialects: `dialect-server KIND
// NAME`. It gets connections by accept() at HOST and PORT (KIND `accept`), has one as its input and output
// (`inetd`), or receives them at descriptor 0, as a textbook's child does (`classic`). See line_service.h.
#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <string>

#include "tests/support/line_service.h"

namespace {

using prefork::test::serve_line;

[[noreturn]] void fail(const char* what) {
  std::perror(what);
  std::exit(1);
}

int listening() {
  const char* host = std::getenv("HOST");
  const char* port = std::getenv("PORT");
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(static_cast<in_port_t>(std::atoi(port == nullptr ? "0" : port)));
  (void)::inet_pton(AF_INET, host == nullptr ? "127.0.0.1" : host, &address.sin_addr);
  const int listener = ::socket(AF_INET, SOCK_STREAM, 0);
  const int on = 1;
  (void)::setsockopt(listener, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
  if (::bind(listener, reinterpret_cast<const sockaddr*>(&address), sizeof(address)) != 0) fail("bind");
  if (::listen(listener, 16) != 0) fail("listen");
  return listener;
}

/// The descriptor of the next message in the channel; it has ended with the channel otherwise.
int received() {
  char byte = 0;
  iovec part{&byte, 1};
  alignas(cmsghdr) char control[CMSG_SPACE(sizeof(int))];
  msghdr message{};
  message.msg_iov = &part;
  message.msg_iovlen = 1;
  message.msg_control = control;
  message.msg_controllen = sizeof(control);
  if (::recvmsg(STDIN_FILENO, &message, 0) <= 0) std::exit(0);
  const cmsghdr* header = CMSG_FIRSTHDR(&message);
  if (header == nullptr) fail("no descriptor");
  int descriptor = -1;
  std::memcpy(&descriptor, CMSG_DATA(header), sizeof(descriptor));
  return descriptor;
}

void serve_next(int client, const std::string& name) {
  if (client < 0) fail("accept");
  serve_line(client, client, name);
  (void)::close(client);
}

}  // namespace

int main(int argc, char** argv) {
  if (argc != 3) return 2;
  const std::string kind = argv[1];
  const std::string name = argv[2];
  if (kind == "inetd") return serve_line(STDIN_FILENO, STDOUT_FILENO, name), 0;
  if (kind == "accept") {
    for (const int listener = listening();;) serve_next(::accept(listener, nullptr, nullptr), name);
  }
  for (const int idle = 0;;) {
    serve_next(received(), name);
    if (::write(STDIN_FILENO, &idle, sizeof(idle)) != sizeof(idle)) return 0;
  }
}
