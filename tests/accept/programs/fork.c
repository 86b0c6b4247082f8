/* A process for each connection, as in the books: `fork PORT`. The children are not waited for. */
#include <netinet/in.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

static void serve(int c) {
  char buf[512];
  ssize_t n;
  while ((n = read(c, buf, sizeof buf)) > 0) {
    if (write(c, buf, (size_t)n) != n) break;
  }
}

int main(int argc, char** argv) {
  struct sockaddr_in me;
  int s = socket(AF_INET, SOCK_STREAM, 0);

  signal(SIGCHLD, SIG_IGN);
  memset(&me, 0, sizeof me);
  me.sin_family = AF_INET;
  me.sin_port = htons((unsigned short)atoi(argc > 1 ? argv[1] : "7"));
  if (bind(s, (struct sockaddr*)&me, sizeof me) < 0 || listen(s, SOMAXCONN) < 0) {
    perror("fork");
    exit(1);
  }
  for (;;) {
    int c = accept(s, NULL, NULL);
    if (c < 0) continue;
    switch (fork()) {
      case 0:
        close(s);
        serve(c);
        exit(0);
      default: close(c);
    }
  }
}
