#include "worker/accept/inherited_options.h"

#include <linux/tcp.h>
#include <netinet/in.h>

#include <sys/socket.h>

#include <cstring>

#include "worker/accept/raw.h"

namespace prefork::accept {
namespace {

struct Name {
  int level, name;
};
constexpr Name kHandedOn[] = {
    {SOL_SOCKET, SO_KEEPALIVE},       {SOL_SOCKET, SO_LINGER},    {SOL_SOCKET, SO_SNDBUF},
    {SOL_SOCKET, SO_RCVBUF},          {SOL_SOCKET, SO_PRIORITY},  {SOL_SOCKET, SO_RCVTIMEO},
    {SOL_SOCKET, SO_SNDTIMEO},        {IPPROTO_TCP, TCP_NODELAY}, {IPPROTO_TCP, TCP_KEEPIDLE},
    {IPPROTO_TCP, TCP_KEEPINTVL},     {IPPROTO_TCP, TCP_KEEPCNT}, {IPPROTO_TCP, TCP_USER_TIMEOUT},
    {IPPROTO_TCP, TCP_NOTSENT_LOWAT},
};

}  // namespace

void InheritedOptions::clear() {
  known_ = false;
  count_ = 0;
}

bool InheritedOptions::differs(int aside, int fresh, Option& option) {
  char usual[sizeof(option.value)] = {};
  socklen_t size = sizeof(usual);
  option.size = sizeof(option.value);
  return raw::call(SYS_getsockopt, aside, option.level, option.name, option.value, &option.size) == 0 &&
         raw::call(SYS_getsockopt, fresh, option.level, option.name, usual, &size) == 0 &&
         std::memcmp(option.value, usual, sizeof(usual)) != 0;
}

void InheritedOptions::learn(int aside, int domain) {
  const int fresh = static_cast<int>(raw::call(SYS_socket, domain, SOCK_STREAM | SOCK_CLOEXEC));
  if (fresh < 0) return;
  std::size_t count = 0;
  for (const Name& name : kHandedOn) {
    if (name.level == IPPROTO_TCP && domain == AF_UNIX) continue;
    Option option;
    option.level = name.level;
    option.name = name.name;
    if (count == kMax || !differs(aside, fresh, option)) continue;
    if (name.level == SOL_SOCKET && (name.name == SO_SNDBUF || name.name == SO_RCVBUF)) {
      int doubled = 0;  // by the kernel, for its own overhead
      std::memcpy(&doubled, option.value, sizeof(doubled));
      doubled /= 2;
      std::memcpy(option.value, &doubled, sizeof(doubled));
    }
    options_[count++] = option;
  }
  (void)raw::close(fresh);
  count_ = count;
}

void InheritedOptions::repeat(int connection, int aside, int domain) {
  if (!known_.load(std::memory_order_relaxed) && !known_.exchange(true)) learn(aside, domain);
  const std::size_t count = count_.load(std::memory_order_relaxed);
  for (std::size_t i = 0; i < count; ++i) {
    const Option& option = options_[i];
    (void)raw::call(SYS_setsockopt, connection, option.level, option.name, option.value, option.size);
  }
}

}  // namespace prefork::accept
