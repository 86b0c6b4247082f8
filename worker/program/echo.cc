#include "worker/program/echo.h"

#include <array>
#include <string_view>

#include "worker/program/stream.h"

namespace prefork::worker {

void echo(int socket) {
  std::array<char, 16384> buffer;
  if (const std::size_t size = receive_some(socket, buffer); size > 0) {
    (void)send_all(socket, std::string_view(buffer.data(), size));
  }
}

}  // namespace prefork::worker
