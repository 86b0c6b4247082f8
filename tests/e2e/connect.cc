#include "tests/e2e/connect.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/un.h>

#include <algorithm>
#include <cstdint>
#include <cstdlib>
#include <cstring>

namespace prefork::test {
namespace {

/// What ends a connection that hangs.
constexpr timeval kPatient{.tv_sec = 30, .tv_usec = 0};

void be_patient(const Fd& socket) {
  (void)::setsockopt(socket.get(), SOL_SOCKET, SO_RCVTIMEO, &kPatient, sizeof(kPatient));
  (void)::setsockopt(socket.get(), SOL_SOCKET, SO_SNDTIMEO, &kPatient, sizeof(kPatient));
}

}  // namespace

Fd connect_tcp(const std::string& address) {
  const std::size_t colon = address.rfind(':');
  sockaddr_in name{};
  name.sin_family = AF_INET;
  name.sin_port = htons(static_cast<std::uint16_t>(std::strtoul(address.c_str() + colon + 1, nullptr, 10)));
  (void)::inet_pton(AF_INET, address.substr(0, colon).c_str(), &name.sin_addr);
  Fd socket(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
  be_patient(socket);
  if (::connect(socket.get(), reinterpret_cast<const sockaddr*>(&name), sizeof(name)) < 0) socket.reset();
  return socket;
}

Fd connect_unix(const std::string& path) {
  sockaddr_un name{};
  name.sun_family = AF_UNIX;
  std::memcpy(name.sun_path, path.data(), std::min(path.size(), sizeof(name.sun_path) - 1));
  Fd socket(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
  be_patient(socket);
  if (::connect(socket.get(), reinterpret_cast<const sockaddr*>(&name), sizeof(name)) < 0) socket.reset();
  return socket;
}

}  // namespace prefork::test
