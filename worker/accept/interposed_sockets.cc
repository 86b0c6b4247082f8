// bind(), listen(), accept() and the questions that a program asks about its sockets.
#include <sys/socket.h>

#include "worker/accept/accepting.h"
#include "worker/accept/connections.h"
#include "worker/accept/context.h"
#include "worker/accept/descriptor_table.h"
#include "worker/accept/interposed.h"
#include "worker/accept/listener.h"
#include "worker/accept/next_function.h"
#include "worker/accept/result.h"

namespace prefork::accept {
namespace {

PREFORK_NEXT(bind, int(int, const sockaddr*, socklen_t));
PREFORK_NEXT(listen, int(int, int));
PREFORK_NEXT(accept, int(int, sockaddr*, socklen_t*));
PREFORK_NEXT(accept4, int(int, sockaddr*, socklen_t*, int));
PREFORK_NEXT(getsockname, int(int, sockaddr*, socklen_t*));
PREFORK_NEXT(getpeername, int(int, sockaddr*, socklen_t*));
PREFORK_NEXT(getsockopt, int(int, int, int, void*, socklen_t*));
PREFORK_NEXT(setsockopt, int(int, int, int, const void*, socklen_t));
PREFORK_NEXT(shutdown, int(int, int));

/// What a connection answers about its addresses, in the family that the program takes it for.
int name_of_connection(std::uint32_t connection, long number, int fd, sockaddr* address, socklen_t* length) {
  Address name;
  name.length = sizeof(sockaddr_un);
  const long result = raw::call(number, fd, &name.any, &name.length);
  if (result < 0) return int_result_of(result);
  as_family(name, family_of(connection));
  give(name, address, length);
  return 0;
}

int give_number(int number, void* value, socklen_t* size) {
  if (value == nullptr || size == nullptr || *size < sizeof(number)) return fail(EINVAL);
  *static_cast<int*>(value) = number;
  *size = sizeof(number);
  return 0;
}

}  // namespace

PREFORK_INTERPOSE(int, bind, int fd, const sockaddr* address, socklen_t length);
int interposed_bind(int fd, const sockaddr* address, socklen_t length) {
  if (listener_of(fd) != nullptr) return fail(EINVAL);  // bound already
  if (active() && address != nullptr && length >= sizeof(sa_family_t) && in_own_process() &&
      become_listener(fd, Address(address, length))) {
    return 0;
  }
  return next_bind(fd, address, length);
}

PREFORK_INTERPOSE(int, listen, int fd, int backlog);
int interposed_listen(int fd, int backlog) {
  Listener* listener = listener_of(fd);
  if (listener != nullptr) {
    start_listening(*listener);
    return 0;
  }
  const int result = next_listen(fd, backlog);
  if (result == 0) note_other_listener(fd);
  return result;
}

PREFORK_INTERPOSE(int, accept, int fd, sockaddr* address, socklen_t* length);
int interposed_accept(int fd, sockaddr* address, socklen_t* length) {
  Listener* listener = listener_of(fd);
  if (listener == nullptr) return next_accept(fd, address, length);
  return accept_connection(fd, *listener, address, length, 0);
}

PREFORK_INTERPOSE(int, accept4, int fd, sockaddr* address, socklen_t* length, int flags);
int interposed_accept4(int fd, sockaddr* address, socklen_t* length, int flags) {
  Listener* listener = listener_of(fd);
  if (listener == nullptr) return next_accept4(fd, address, length, flags);
  return accept_connection(fd, *listener, address, length, flags);
}

PREFORK_INTERPOSE(int, getsockname, int fd, sockaddr* address, socklen_t* length);
int interposed_getsockname(int fd, sockaddr* address, socklen_t* length) {
  const Entry entry = table.look(fd);
  if (address == nullptr || length == nullptr) return next_getsockname(fd, address, length);
  if (entry.kind == Kind::kConnection) {
    return name_of_connection(entry.index, SYS_getsockname, fd, address, length);
  }
  if (entry.kind != Kind::kListener) return next_getsockname(fd, address, length);
  give(listeners[entry.index].name, address, length);
  return 0;
}

PREFORK_INTERPOSE(int, getpeername, int fd, sockaddr* address, socklen_t* length);
int interposed_getpeername(int fd, sockaddr* address, socklen_t* length) {
  const Entry entry = table.look(fd);
  if (entry.kind == Kind::kListener) return fail(ENOTCONN);
  if (entry.kind != Kind::kConnection || address == nullptr || length == nullptr) {
    return next_getpeername(fd, address, length);
  }
  return name_of_connection(entry.index, SYS_getpeername, fd, address, length);
}

PREFORK_INTERPOSE(int, getsockopt, int fd, int level, int name, void* value, socklen_t* size);
int interposed_getsockopt(int fd, int level, int name, void* value, socklen_t* size) {
  const Entry entry = table.look(fd);
  if (entry.kind == Kind::kConnection && level == SOL_SOCKET && name == SO_DOMAIN) {
    return give_number(family_of(entry.index), value, size);
  }
  if (entry.kind != Kind::kListener) return next_getsockopt(fd, level, name, value, size);
  const Listener& listener = listeners[entry.index];
  if (level == SOL_SOCKET && name == SO_ACCEPTCONN)
    return give_number(listener.listening ? 1 : 0, value, size);
  return next_getsockopt(listener.aside, level, name, value, size);
}

PREFORK_INTERPOSE(int, setsockopt, int fd, int level, int name, const void* value, socklen_t size);
int interposed_setsockopt(int fd, int level, int name, const void* value, socklen_t size) {
  Listener* listener = listener_of(fd);
  if (listener == nullptr) return next_setsockopt(fd, level, name, value, size);
  listener->options.changed();
  return next_setsockopt(listener->aside, level, name, value, size);
}

PREFORK_INTERPOSE(int, shutdown, int fd, int how);
int interposed_shutdown(int fd, int how) {
  Listener* listener = listener_of(fd);
  if (listener == nullptr) return next_shutdown(fd, how);
  if (in_own_process() && how != SHUT_WR) shut(*listener);
  return 0;
}

}  // namespace prefork::accept
