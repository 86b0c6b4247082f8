#include "worker/notify/calls.h"

#include <fcntl.h>
#include <sys/ioctl.h>

namespace prefork::notify {
namespace {

// Of newer headers: Linux 5.14 and 6.6.
constexpr std::uint32_t kSend = 2;
constexpr unsigned long kSetFlags = _IOW('!', 4, std::uint64_t);
constexpr unsigned long kWakeOnSameProcessor = 1;

}  // namespace

Calls::Calls(Fd reports) : reports_(std::move(reports)) {
  // The program waits for the notifier, and the notifier then waits for the program: one processor is enough.
  (void)::ioctl(reports_.get(), kSetFlags, kWakeOnSameProcessor);
}

std::optional<Call> Calls::receive() {
  Call call{};
  if (::ioctl(reports_.get(), SECCOMP_IOCTL_NOTIF_RECV, &call) < 0) return std::nullopt;
  return call;
}

bool Calls::waits(const Call& call) const {
  return ::ioctl(reports_.get(), SECCOMP_IOCTL_NOTIF_ID_VALID, &call.id) == 0;
}

bool Calls::answer(const seccomp_notif_resp& response) const {
  return ::ioctl(reports_.get(), SECCOMP_IOCTL_NOTIF_SEND, &response) == 0;
}

bool Calls::let_pass(const Call& call) const {
  return answer({.id = call.id, .val = 0, .error = 0, .flags = SECCOMP_USER_NOTIF_FLAG_CONTINUE});
}

bool Calls::succeed(const Call& call) const {
  return answer({.id = call.id, .val = 0, .error = 0, .flags = 0});
}

void Calls::fail(const Call& call, int error) const {
  (void)answer({.id = call.id, .val = 0, .error = -error, .flags = 0});
}

bool Calls::add(const Call& call, int source, std::uint32_t number, bool close_on_exec,
                std::uint32_t flags) const {
  const seccomp_notif_addfd request{
      .id = call.id,
      .flags = flags,
      .srcfd = static_cast<std::uint32_t>(source),
      .newfd = number,
      .newfd_flags = close_on_exec ? static_cast<std::uint32_t>(O_CLOEXEC) : 0,
  };
  return ::ioctl(reports_.get(), SECCOMP_IOCTL_NOTIF_ADDFD, &request) >= 0;
}

bool Calls::place(const Call& call, int source, std::uint32_t number, bool close_on_exec) const {
  return add(call, source, number, close_on_exec, SECCOMP_ADDFD_FLAG_SETFD);
}

bool Calls::return_descriptor(const Call& call, int source, std::uint32_t number, bool close_on_exec) const {
  return add(call, source, number, close_on_exec, SECCOMP_ADDFD_FLAG_SETFD | kSend);
}

}  // namespace prefork::notify
