/* An event loop: edge-triggered, never removes what it closes. `epoll PORT [level] [at-start]`; with at-start it first
   closes all descriptors, as careful daemons do. */
#define _GNU_SOURCE
#include <errno.h>
#include <netinet/in.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

static unsigned mode = EPOLLET;

static void watch(int ep, int fd) {
  struct epoll_event e = {.events = EPOLLIN | mode, .data.fd = fd};
  epoll_ctl(ep, EPOLL_CTL_ADD, fd, &e);
}

static void accept_all(int ep, int s) {
  for (;;) {
    int c = accept4(s, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
    if (c < 0 && errno == EINTR) continue;
    if (c < 0) return;
    watch(ep, c);
    if (!mode) return;
  }
}

static void echo(int c) {
  char buf[512];
  for (;;) {
    ssize_t n = read(c, buf, sizeof buf);
    if (n < 0 && errno == EAGAIN) return;
    if (n <= 0 || write(c, buf, (size_t)n) != n) {
      close(c);
      return;
    }
  }
}

int main(int argc, char** argv) {
  struct sockaddr_in me = {.sin_family = AF_INET};
  struct epoll_event events[64];
  int i, s, ep, on = 1;

  for (i = 2; i < argc; ++i) {
    if (!strcmp(argv[i], "level")) mode = 0;
    if (!strcmp(argv[i], "at-start")) closefrom(3);
  }
  signal(SIGPIPE, SIG_IGN);
  s = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
  setsockopt(s, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
  me.sin_port = htons((unsigned short)atoi(argv[1]));
  if (bind(s, (struct sockaddr*)&me, sizeof me) < 0 || listen(s, 512) < 0) {
    perror("epoll");
    return 1;
  }
  ep = epoll_create1(EPOLL_CLOEXEC);
  watch(ep, s);
  for (;;) {
    int n = epoll_wait(ep, events, 64, -1);
    for (i = 0; i < n; ++i) {
      if (events[i].data.fd == s) accept_all(ep, s);
      else echo(events[i].data.fd);
    }
  }
}
