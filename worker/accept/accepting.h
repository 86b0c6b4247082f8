// accept() on the channel.
#pragma once

#include <sys/socket.h>

namespace prefork::accept {

struct Listener;

/// As accept4(): the connection's descriptor, or -1 and errno.
int accept_connection(int fd, Listener& listener, sockaddr* address, socklen_t* length, int flags);

}  // namespace prefork::accept
