#include "worker/program/stream.h"

#include <sys/socket.h>

#include <cerrno>

namespace prefork::worker {

std::size_t receive_some(int socket, std::span<char> into) {
  for (;;) {
    const ssize_t size = ::recv(socket, into.data(), into.size(), 0);
    if (size >= 0) return static_cast<std::size_t>(size);
    if (errno != EINTR) return 0;
  }
}

bool send_all(int socket, std::string_view bytes) {
  while (!bytes.empty()) {
    const ssize_t size = ::send(socket, bytes.data(), bytes.size(), MSG_NOSIGNAL);
    if (size >= 0) {
      bytes.remove_prefix(static_cast<std::size_t>(size));
    } else if (errno != EINTR) {
      return false;
    }
  }
  return true;
}

}  // namespace prefork::worker
