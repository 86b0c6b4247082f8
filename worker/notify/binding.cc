// The calls by which a program makes and asks its listeners.
#include <fcntl.h>
#include <netinet/in.h>
#include <sys/syscall.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstdio>
#include <cstring>
#include <string>
#include <utility>

#include "proto/record.h"
#include "worker/notify/notifier.h"

namespace prefork::notify {
namespace {

constexpr std::size_t kMostElsewhere = 64;

pid_t thread_of(const Call& call) { return static_cast<pid_t>(call.pid); }

int option_value(const BoundListener& bound, std::uint64_t level, std::uint64_t option) {
  if (level != SOL_SOCKET) return 0;
  const int family = bound.address.family();
  switch (option) {
    case SO_TYPE: return SOCK_STREAM;
    case SO_ACCEPTCONN: return 1;
    case SO_DOMAIN: return family;
    case SO_PROTOCOL: return family == AF_UNIX ? 0 : IPPROTO_TCP;
    default: return 0;
  }
}

std::string text_of(const accept::Address& address) {
  std::array<char, 256> text{};
  return {text.data(), accept::write_address(address, text.data(), text.size())};
}

bool has_port(const accept::Address& address) {
  if (address.family() == AF_INET) return address.v4.sin_port != 0;
  return address.family() != AF_INET6 || address.v6.sin6_port != 0;
}

}  // namespace

void Notifier::answer_bind(const Call& call) {
  const auto descriptor = static_cast<std::uint32_t>(call.data.args[0]);
  const auto size = static_cast<std::uint32_t>(call.data.args[2]);
  sockaddr_storage given{};
  listeners_.forget(descriptor);
  elsewhere_.erase(descriptor);
  // The kernel refuses the other sizes and addresses.
  if (size < sizeof(sa_family_t) || size > sizeof(sockaddr_un)) return (void)calls_.let_pass(call);
  if (!read_memory(thread_of(call), call.data.args[1], &given, size)) {
    if (errno == EPERM && !std::exchange(told_, true)) {
      (void)std::fprintf(stderr,
                         "accept-notify: the kernel does not let the notifier read the program's memory: "
                         "the program's file must be readable for its user\n");
    }
    return (void)calls_.let_pass(call);
  }
  const accept::Address address(reinterpret_cast<const sockaddr*>(&given), size);
  const auto v6_only = v6_only_.find(descriptor);
  Listener* listener = listeners_.for_address(address, v6_only != v6_only_.end() && v6_only->second);
  v6_only_.erase(descriptor);
  if (listener != nullptr) return replace_by_listener(call, descriptor, *listener, address);
  if (elsewhere_.size() < kMostElsewhere) elsewhere_[descriptor] = address;
  (void)calls_.let_pass(call);
}

void Notifier::replace_by_listener(const Call& call, std::uint32_t descriptor, Listener& listener,
                                   const accept::Address& address) {
  const auto flags = flags_of(thread_of(call), descriptor);
  if (!flags) return (void)calls_.let_pass(call);
  listener.set_blocking((*flags & O_NONBLOCK) == 0);
  if (!calls_.place(call, listener.queue(), descriptor, (*flags & O_CLOEXEC) != 0))
    return calls_.fail(call, errno);
  listeners_.bind(descriptor, listener, address);
  (void)calls_.succeed(call);
}

void Notifier::answer_listen(const Call& call, const BoundListener* bound) {
  if (bound == nullptr) {
    const auto elsewhere = elsewhere_.find(static_cast<std::uint32_t>(call.data.args[0]));
    if (elsewhere != elsewhere_.end() && !ready_ && has_port(elsewhere->second)) {
      const std::vector<std::byte> note = encode_note("listens at " + text_of(elsewhere->second));
      (void)channel_.send(std::span<const std::byte>(note));
    }
    return (void)calls_.let_pass(call);
  }
  // A program with an event loop waits for its listener now, and calls accept() only when that is readable.
  bound->listener->ring();
  (void)calls_.succeed(call);
}

void Notifier::answer_for_listener(const Call& call, const BoundListener& bound) {
  switch (call.data.nr) {
    case SYS_getsockname:
      give_value(thread_of(call), &bound.address.any, bound.address.length, call.data.args[1],
                 call.data.args[2]);
      break;
    case SYS_getsockopt: {
      const int value = option_value(bound, call.data.args[1], call.data.args[2]);
      give_value(thread_of(call), &value, sizeof(value), call.data.args[3], call.data.args[4]);
      break;
    }
    case SYS_shutdown:
      listeners_.forget(static_cast<std::uint32_t>(call.data.args[0]));
      for (const Call& waiting : std::exchange(waiting_, {})) calls_.fail(waiting, EINVAL);
      if (listeners_.none_bound()) leave();
      break;
    default: break;  // setsockopt: options of the pool's listener are the supervisor's
  }
  (void)calls_.succeed(call);
}

}  // namespace prefork::notify
