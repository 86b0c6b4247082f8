#define _GNU_SOURCE
#include "calls.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <signal.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/select.h>
#include <sys/sendfile.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/un.h>
#include <unistd.h>

union address {
  struct sockaddr any;
  struct sockaddr_in v4;
  struct sockaddr_in6 v6;
  struct sockaddr_un local;
};

/* `127.0.0.1:80`, `[::1]:80`, `unix:/path`, `unix:@name` */
static socklen_t parse(const char* text, union address* to) {
  memset(to, 0, sizeof(*to));
  if (strncmp(text, "unix:", 5) == 0) {
    to->local.sun_family = AF_UNIX;
    strcpy(to->local.sun_path, text + 5);
    socklen_t size = (socklen_t)(offsetof(struct sockaddr_un, sun_path) + strlen(text + 5));
    if (text[5] != '@') return size + 1;
    to->local.sun_path[0] = 0;
    return size;
  }
  char host[64];
  const char* colon = strrchr(text, ':');
  snprintf(host, sizeof(host), "%.*s", (int)(colon - text), text);
  if (host[0] == '[') {
    host[strlen(host) - 1] = 0;
    to->v6.sin6_family = AF_INET6;
    to->v6.sin6_port = htons((uint16_t)atoi(colon + 1));
    inet_pton(AF_INET6, host + 1, &to->v6.sin6_addr);
    return sizeof(to->v6);
  }
  to->v4.sin_family = AF_INET;
  to->v4.sin_port = htons((uint16_t)atoi(colon + 1));
  inet_pton(AF_INET, host, &to->v4.sin_addr);
  return sizeof(to->v4);
}

static void print(const union address* from, socklen_t length, char* more, size_t size) {
  char host[64];
  if (from->any.sa_family == AF_INET) {
    snprintf(more, size, "%s:%d", inet_ntop(AF_INET, &from->v4.sin_addr, host, sizeof(host)), ntohs(from->v4.sin_port));
  } else if (from->any.sa_family == AF_INET6) {
    snprintf(more, size, "[%s]:%d", inet_ntop(AF_INET6, &from->v6.sin6_addr, host, sizeof(host)), ntohs(from->v6.sin6_port));
  } else if (length > offsetof(struct sockaddr_un, sun_path)) {
    int named = from->local.sun_path[0] != 0;
    int letters = (int)(length - offsetof(struct sockaddr_un, sun_path));
    snprintf(more, size, "unix:%s%.*s", named ? "" : "@", named ? letters : letters - 1, from->local.sun_path + !named);
  } else {
    snprintf(more, size, "unix:");
  }
}

static long open_socket(char** word) {
  int domain = strcmp(word[1], "v4") == 0 ? AF_INET : strcmp(word[1], "v6") == 0 ? AF_INET6 : AF_UNIX;
  int type = SOCK_STREAM;
  for (char** flag = word + 2; *flag != NULL; ++flag) {
    if (strcmp(*flag, "nonblock") == 0) type |= SOCK_NONBLOCK;
    if (strcmp(*flag, "cloexec") == 0) type |= SOCK_CLOEXEC;
    if (strcmp(*flag, "dgram") == 0) type = SOCK_DGRAM;
  }
  return socket(domain, type, 0);
}

static long accept_one(char** word, char* more, size_t size) {
  union address peer;
  socklen_t length = sizeof(peer);
  int flags = word[2] != NULL ? atoi(word[2]) : 0;
  int got = -1;
  if (strcmp(word[0], "accept") == 0) got = accept(atoi(word[1]), &peer.any, &length);
  if (strcmp(word[0], "accept4") == 0) got = accept4(atoi(word[1]), &peer.any, &length, flags);
  if (strcmp(word[0], "sys-accept") == 0) got = (int)syscall(SYS_accept4, atoi(word[1]), &peer.any, &length, flags);
  if (strcmp(word[0], "accept-null") == 0) return accept(atoi(word[1]), NULL, NULL);
  if (got >= 0) print(&peer, length, more, size);
  return got;
}

static long name_of(char** word, char* more, size_t size) {
  union address name;
  socklen_t length = sizeof(name);
  int result = strcmp(word[0], "getsockname") == 0 ? getsockname(atoi(word[1]), &name.any, &length)
                                                   : getpeername(atoi(word[1]), &name.any, &length);
  if (result == 0) print(&name, length, more, size);
  return result;
}

static long wait_for(char** word) {
  int fd = atoi(word[1]), ms = atoi(word[2]);
  struct pollfd state = {fd, POLLIN, 0};
  struct timespec time = {ms / 1000, ms % 1000 * 1000000L};
  struct timeval timeval = {ms / 1000, ms % 1000 * 1000};
  sigset_t none;
  sigemptyset(&none);
  fd_set set;
  FD_ZERO(&set);
  if (fd < FD_SETSIZE) FD_SET(fd, &set);
  if (strcmp(word[0], "poll") == 0) return poll(&state, 1, ms);
  if (strcmp(word[0], "ppoll") == 0) return ppoll(&state, 1, &time, &none);
  if (strcmp(word[0], "select") == 0) return select(fd + 1, &set, NULL, NULL, &timeval);
  return pselect(fd + 1, &set, NULL, NULL, &time, &none);
}

static long watch(char** word) {
  struct epoll_event event = {.events = EPOLLIN, .data.fd = atoi(word[3])};
  if (word[4] != NULL && strcmp(word[4], "edge") == 0) event.events |= EPOLLET;
  if (word[4] != NULL && strcmp(word[4], "once") == 0) event.events |= EPOLLONESHOT;
  int what = strcmp(word[2], "add") == 0 ? EPOLL_CTL_ADD : strcmp(word[2], "mod") == 0 ? EPOLL_CTL_MOD : EPOLL_CTL_DEL;
  return epoll_ctl(atoi(word[1]), what, atoi(word[3]), &event);
}

/* How many events there are, and the number of the descriptor of the first. */
static long await_events(char** word, char* more, size_t size) {
  struct epoll_event events[8];
  int count = epoll_wait(atoi(word[1]), events, 8, atoi(word[2]));
  if (count > 0) snprintf(more, size, "%d", events[0].data.fd);
  return count;
}

static long option(char** word, char* more, size_t size) {
  static const struct {
    const char* name;
    int level, number;
  } known[] = {{"nodelay", IPPROTO_TCP, TCP_NODELAY}, {"keepalive", SOL_SOCKET, SO_KEEPALIVE},
               {"reuseaddr", SOL_SOCKET, SO_REUSEADDR}, {"acceptconn", SOL_SOCKET, SO_ACCEPTCONN},
               {"type", SOL_SOCKET, SO_TYPE}, {"domain", SOL_SOCKET, SO_DOMAIN}, {"error", SOL_SOCKET, SO_ERROR},
               {"v6only", IPPROTO_IPV6, IPV6_V6ONLY}};
  for (size_t i = 0; i < sizeof(known) / sizeof(known[0]); ++i) {
    if (strcmp(word[2], known[i].name) != 0) continue;
    int value = word[3] != NULL ? atoi(word[3]) : 0;
    socklen_t length = sizeof(value);
    if (word[3] != NULL) return setsockopt(atoi(word[1]), known[i].level, known[i].number, &value, length);
    int result = getsockopt(atoi(word[1]), known[i].level, known[i].number, &value, &length);
    snprintf(more, size, "%d", value);
    return result;
  }
  return NO_SUCH_CALL;
}

static long fill(void) { /* until no number is left */
  long opened = 0;
  while (open("/dev/null", O_RDONLY | O_CLOEXEC) >= 0) ++opened;
  return opened;
}

static long send_own_file(int to) {
  int file = open("/proc/self/exe", O_RDONLY | O_CLOEXEC);
  long sent = sendfile(to, file, NULL, 4);
  close(file);
  return sent;
}

static long copy(char** word) {
  int a = atoi(word[1]), b = word[2] != NULL ? atoi(word[2]) : 0;
  if (strcmp(word[0], "dup") == 0) return dup(a);
  if (strcmp(word[0], "dup2") == 0) return dup2(a, b);
  if (strcmp(word[0], "dup3") == 0) return dup3(a, b, O_CLOEXEC);
  if (strcmp(word[0], "sys-dup") == 0) return syscall(SYS_dup, a);
  if (strcmp(word[0], "dupfd") == 0) return fcntl(a, F_DUPFD, b);
  if (strcmp(word[0], "dupfd-cloexec") == 0) return fcntl(a, F_DUPFD_CLOEXEC, b);
  return NO_SUCH_CALL;
}

static long end(char** word) {
  int a = word[1] != NULL ? atoi(word[1]) : 0;
  if (strcmp(word[0], "close") == 0) return close(a);
  if (strcmp(word[0], "sys-close") == 0) return syscall(SYS_close, a);
  if (strcmp(word[0], "fclose") == 0) return fclose(fdopen(a, "r+"));
  if (strcmp(word[0], "closefrom") == 0) return closefrom(a), 0;
  if (strcmp(word[0], "close-range") == 0) return close_range((unsigned)a, (unsigned)strtoul(word[2], NULL, 10), 0);
  if (strcmp(word[0], "sys-close-range") == 0) return syscall(SYS_close_range, a, strtoul(word[2], NULL, 10), 0);
  if (strcmp(word[0], "close-each") == 0) { /* as daemons of old do */
    for (int fd = a; fd < sysconf(_SC_OPEN_MAX); ++fd) close(fd);
    return 0;
  }
  if (strcmp(word[0], "shutdown") == 0) return shutdown(a, SHUT_RDWR);
  return NO_SUCH_CALL;
}

static long transfer(char** word, char* more, size_t size) {
  if (strcmp(word[0], "read") == 0) {
    ssize_t got = read(atoi(word[1]), more, size - 1);
    more[got > 0 ? got : 0] = 0;
    return got;
  }
  if (strcmp(word[0], "write") == 0) return write(atoi(word[1]), word[2], strlen(word[2]));
  if (strcmp(word[0], "sendfile") == 0) return send_own_file(atoi(word[1]));
  return NO_SUCH_CALL;
}

static long about_addresses(char** word, char* more, size_t size) {
  union address address;
  if (strcmp(word[0], "socket") == 0) return open_socket(word);
  if (strcmp(word[0], "listen") == 0) return listen(atoi(word[1]), 16);
  if (strcmp(word[0], "bind") == 0) return bind(atoi(word[1]), &address.any, parse(word[2], &address));
  if (strcmp(word[0], "sys-bind") == 0) return syscall(SYS_bind, atoi(word[1]), &address.any, parse(word[2], &address));
  if (strcmp(word[0], "connect") == 0) return connect(atoi(word[1]), &address.any, parse(word[2], &address));
  if (strcmp(word[0], "unlink") == 0) return unlink(word[1]);
  if (strncmp(word[0], "get", 3) == 0 && strstr(word[0], "name") != NULL) return name_of(word, more, size);
  if (strcmp(word[0], "option") == 0) return option(word, more, size);
  if (strstr(word[0], "accept") != NULL) return accept_one(word, more, size);
  return NO_SUCH_CALL;
}

static long about_waiting(char** word, char* more, size_t size) {
  if (strcmp(word[0], "epoll") == 0) return epoll_create1(EPOLL_CLOEXEC);
  if (strcmp(word[0], "watch") == 0) return watch(word);
  if (strcmp(word[0], "events") == 0) return await_events(word, more, size);
  if (strstr(word[0], "poll") != NULL || strstr(word[0], "select") != NULL) return wait_for(word);
  if (strcmp(word[0], "io-uring") == 0) {
    char parameters[120] = {0};
    return syscall(425, 4, parameters); /* io_uring_setup */
  }
  if (strcmp(word[0], "getfl") == 0) return fcntl(atoi(word[1]), F_GETFL) & O_NONBLOCK;
  if (strcmp(word[0], "setfl") == 0) return fcntl(atoi(word[1]), F_SETFL, atoi(word[2]) != 0 ? O_NONBLOCK : 0);
  if (strcmp(word[0], "getfd") == 0) return fcntl(atoi(word[1]), F_GETFD);
  if (strcmp(word[0], "setfd") == 0) return fcntl(atoi(word[1]), F_SETFD, atoi(word[2]));
  if (strcmp(word[0], "fill") == 0) return fill();
  return NO_SUCH_CALL;
}

long call_about_descriptors(char** word, char* more, size_t size) {
  long result = about_waiting(word, more, size);
  if (result == NO_SUCH_CALL) result = about_addresses(word, more, size);
  if (result == NO_SUCH_CALL) result = copy(word);
  if (result == NO_SUCH_CALL) result = end(word);
  if (result == NO_SUCH_CALL) result = transfer(word, more, size);
  return result;
}
