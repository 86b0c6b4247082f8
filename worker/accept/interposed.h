// The interposed functions that others of the library call, syscall() above all.
#pragma once

#include <sys/socket.h>

#include "worker/accept/next_function.h"

struct epoll_event;

namespace prefork::accept {

PREFORK_INTERPOSE(int, bind, int fd, const sockaddr* address, socklen_t length);
PREFORK_INTERPOSE(int, listen, int fd, int backlog);
PREFORK_INTERPOSE(int, accept4, int fd, sockaddr* address, socklen_t* length, int flags);
PREFORK_INTERPOSE(int, close, int fd);
PREFORK_INTERPOSE(int, dup, int fd);
PREFORK_INTERPOSE(int, dup3, int from, int to, int flags);
PREFORK_INTERPOSE(int, dup2, int from, int to);
PREFORK_INTERPOSE(int, close_range, unsigned first, unsigned last, int flags);
PREFORK_INTERPOSE(int, epoll_ctl, int epoll, int operation, int fd, epoll_event* event);

/// fcntl() with its argument as a word.
int control_descriptor(int fd, int command, long argument);

}  // namespace prefork::accept
