#include "supervisor/systemd/notify.h"

#include <sys/socket.h>
#include <sys/un.h>
#include <systemd/sd-daemon.h>

#include <cerrno>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <ctime>
#include <string>
#include <string_view>

#include "proto/fd.h"

namespace prefork {

std::string ready_notification(const std::string& status) { return "READY=1\nSTATUS=" + status; }

std::string reloading_notification() {
  timespec now{};
  (void)::clock_gettime(CLOCK_MONOTONIC, &now);
  const auto us = static_cast<long long>(now.tv_sec) * 1'000'000 + now.tv_nsec / 1000;
  return "RELOADING=1\nMONOTONIC_USEC=" + std::to_string(us) + "\nSTATUS=reloading";
}

std::string stopping_notification(Duration extend) {
  std::string text = "STOPPING=1\nSTATUS=stopping";
  if (extend > Duration::zero()) {
    const auto us = std::chrono::duration_cast<std::chrono::microseconds>(extend);
    text += "\nEXTEND_TIMEOUT_USEC=" + std::to_string(us.count());
  }
  return text;
}
std::string status_notification(const std::string& status) { return "STATUS=" + status; }
std::string alive_notification() { return "WATCHDOG=1"; }

bool send_notification(const std::string& text) {
  const char* variable = std::getenv("NOTIFY_SOCKET");
  const std::string_view path = variable == nullptr ? "" : variable;
  sockaddr_un name{};
  name.sun_family = AF_UNIX;
  if (path.empty() || path.size() >= sizeof(name.sun_path)) return true;
  std::memcpy(name.sun_path, path.data(), path.size());
  // "@name" is an abstract socket: its name begins with a zero byte and has no end.
  if (path.front() == '@') name.sun_path[0] = '\0';
  const auto size = static_cast<socklen_t>(offsetof(sockaddr_un, sun_path) + path.size());
  const Fd socket(::socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0));
  const bool sent =
      socket.valid() && ::sendto(socket.get(), text.data(), text.size(), MSG_DONTWAIT | MSG_NOSIGNAL,
                                 reinterpret_cast<const sockaddr*>(&name), size) >= 0;
  const bool no_room = errno == EAGAIN || errno == ENOBUFS || errno == ENOMEM || errno == EMFILE ||
                       errno == ENFILE || errno == EINTR;
  return sent || !no_room;
}

bool is_service() { return std::getenv("NOTIFY_SOCKET") != nullptr; }

Duration watchdog_interval() {
  std::uint64_t us = 0;
  if (::sd_watchdog_enabled(0, &us) <= 0) return Duration::zero();
  return std::chrono::microseconds(us);
}

}  // namespace prefork
