#include "worker/accept/listener.h"

#include <fcntl.h>

#include <algorithm>
#include <cerrno>
#include <cstring>

#include "worker/accept/channel.h"
#include "worker/accept/context.h"
#include "worker/accept/descriptor_table.h"
#include "worker/accept/drain.h"
#include "worker/accept/fork_gate.h"
#include "worker/accept/private_descriptors.h"
#include "worker/accept/ready.h"
#include "worker/accept/socket_file.h"

namespace prefork::accept {

constinit Listener listeners[kMaxListeners];

namespace {

int option_of(int fd, int level, int name) {
  int value = 0;
  socklen_t size = sizeof(value);
  return raw::call(SYS_getsockopt, fd, level, name, &value, &size) < 0 ? -1 : value;
}

/// The pool's addresses that match best, as bits.
std::uint64_t covered_by(const Address& name, bool v6_only) {
  Match best = Match::kNone;
  std::uint64_t covers = 0;
  for (std::size_t i = 0; i < context.settings.addresses; ++i) {
    const Address& pool = context.settings.address[i].address;
    const Match here = same_socket_file(name, pool) ? Match::kSame : match(name, v6_only, pool);
    if (here == Match::kNone || here < best) continue;
    if (here > best) covers = 0;
    best = here;
    covers |= std::uint64_t{1} << i;
  }
  return covers;
}

std::uint32_t free_row() {
  for (std::uint32_t i = 0; i < kMaxListeners; ++i) {
    int free = 0;
    if (listeners[i].descriptors.compare_exchange_strong(free, 1)) return i;
  }
  return kNoRow;
}

/// Puts the channel over `fd`, with the flags that the program gave its socket.
bool put_channel(int fd, long status_flags, long descriptor_flags) {
  const int flags = (descriptor_flags & FD_CLOEXEC) != 0 ? O_CLOEXEC : 0;
  if (raw::call(SYS_dup3, context.channel, fd, flags) < 0) return false;
  (void)raw::fcntl(fd, F_SETFL, O_RDWR | (status_flags & O_NONBLOCK));
  return true;
}

void fill_row(std::uint32_t index, int fd, int aside, int domain, const Address& name, std::uint64_t covers) {
  Listener& row = listeners[index];
  row.listening = row.awaited = row.shut = false;
  row.domain = domain;
  row.aside = aside;
  row.wake = new_event();
  row.covers = covers;
  row.name = name;
  row.options.clear();
  row.watches.forget();
  table.exchange(fd, {Kind::kListener, index});
  if (tracked()) context.tree->listeners_more(context.process, 1);
}

}  // namespace

Listener* listener_of(int fd) {
  const Entry entry = table.look(fd);
  return entry.kind == Kind::kListener ? &listeners[entry.index] : nullptr;
}

bool several_listeners() {
  int count = 0;
  for (const Listener& listener : listeners) {
    if (listener.descriptors.load(std::memory_order_relaxed) > 0 && ++count > 1) return true;
  }
  return false;
}

bool takes(const Listener& listener, std::uint32_t index) {
  std::uint64_t place = 0;
  for (std::size_t i = 0; i < context.settings.addresses; ++i) {
    if (context.settings.address[i].index == index) place |= std::uint64_t{1} << i;
  }
  if ((listener.covers & place) != 0) return true;
  for (const Listener& other : listeners) {
    if (other.descriptors.load(std::memory_order_relaxed) > 0 && (other.covers & place) != 0) return false;
  }
  return true;
}

bool become_listener(int fd, const Address& name) {
  if (fd < 0 || fd >= kMaxDescriptors || option_of(fd, SOL_SOCKET, SO_TYPE) != SOCK_STREAM) return false;
  const int domain = option_of(fd, SOL_SOCKET, SO_DOMAIN);
  const std::uint64_t covers = covered_by(name, option_of(fd, IPPROTO_IPV6, IPV6_V6ONLY) == 1);
  if (domain != name.family() || covers == 0) return false;
  const InsideGate gate;
  const std::uint32_t index = free_row();
  const int aside = index == kNoRow ? -1 : private_copy(fd);
  if (aside < 0 || !put_channel(fd, raw::fcntl(fd, F_GETFL), raw::fcntl(fd, F_GETFD))) {
    close_private(aside);
    if (index != kNoRow) listeners[index].descriptors = 0;
    return false;
  }
  fill_row(index, fd, aside, domain, name, covers);
  attach();
  return true;
}

void make_listener(int fd, const Address& name) {
  const std::uint32_t index = free_row();
  if (index == kNoRow) return;
  const int aside =
      make_private(static_cast<int>(raw::call(SYS_socket, name.family(), SOCK_STREAM | SOCK_CLOEXEC)));
  if (!put_channel(fd, 0, 0)) {
    close_private(aside);
    listeners[index].descriptors = 0;
    return;
  }
  fill_row(index, fd, aside, name.family(), name, covered_by(name, false));
  start_listening(listeners[index]);
}

void start_listening(Listener& listener) {
  listener.listening = true;
  int owner = context.tree->owner;
  if (owner == 0 || raw::call(SYS_kill, owner, 0) == -ESRCH) {
    context.tree->owner.compare_exchange_strong(owner, context.pid);
  }
  if (listener.awaited) say_ready();
}

void shut(Listener& listener) {
  listener.shut = true;
  const std::uint64_t one = 1;
  (void)raw::call(SYS_write, listener.wake, &one, sizeof(one));
}

void drop_listener(std::uint32_t index) {
  Listener& listener = listeners[index];
  const bool last_of_tree = tracked() && context.tree->listeners_less(context.process, 1);
  const int aside = listener.aside;
  const int wake = listener.wake;
  if (listener.descriptors.fetch_sub(1) == 1) {  // from here on the row is another thread's
    close_private(aside);
    close_private(wake);
  }
  if (last_of_tree) leave();
}

void note_other_listener(int fd) {
  if (!active() || context.tree->ready.load(std::memory_order_relaxed) || !in_own_process()) return;
  Address name;
  name.length = sizeof(sockaddr_un);
  if (raw::call(SYS_getsockname, fd, &name.any, &name.length) < 0) return;
  constexpr char kBefore[] = "listens at ";
  char text[sizeof(kBefore) + 160];
  std::memcpy(text, kBefore, sizeof(kBefore) - 1);
  const std::size_t size = write_address(name, text + sizeof(kBefore) - 1, sizeof(text) - sizeof(kBefore));
  if (size > 0) tell_note(text, sizeof(kBefore) - 1 + size);
}

}  // namespace prefork::accept
