/* Ten threads that accept at an IPv6 socket that takes IPv4, too: `threads PORT`. */
#include <netinet/in.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

static int s = -1;

static void* serve(void* unused) {
  char buf[512];
  ssize_t n;
  (void)unused;
  for (;;) {
    int c = accept(s, NULL, NULL);
    if (c < 0) continue;
    while ((n = recv(c, buf, sizeof buf, 0)) > 0) {
      if (send(c, buf, (size_t)n, MSG_NOSIGNAL) != n) break;
    }
    close(c);
  }
  return NULL;
}

int main(int argc, char** argv) {
  struct sockaddr_in6 me;
  int i, off = 0;
  pthread_t t;

  s = socket(AF_INET6, SOCK_STREAM, 0);
  setsockopt(s, IPPROTO_IPV6, IPV6_V6ONLY, &off, sizeof off);
  memset(&me, 0, sizeof me);
  me.sin6_family = AF_INET6;
  me.sin6_port = htons((unsigned short)atoi(argc > 1 ? argv[1] : "7"));
  if (bind(s, (struct sockaddr*)&me, sizeof me) < 0 || listen(s, 128) < 0) {
    perror("threads");
    return 1;
  }
  for (i = 0; i < 10; ++i) {
    if (pthread_create(&t, NULL, serve, NULL) != 0) return 1;
  }
  pthread_exit(NULL);
}
