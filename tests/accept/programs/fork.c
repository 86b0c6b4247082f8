/* A process for each connection, as in the books: `fork PORT [ignore]`. With `ignore` the children are not waited for. */
#include <netinet/in.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

static void reap(int sig) {
  (void)sig;
  while (waitpid(-1, NULL, WNOHANG) > 0) {}
}

static void die(const char* what) {
  perror(what);
  exit(1);
}

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

  signal(SIGCHLD, argc > 2 ? SIG_IGN : reap);
  memset(&me, 0, sizeof me);
  me.sin_family = AF_INET;
  me.sin_port = htons((unsigned short)atoi(argc > 1 ? argv[1] : "7"));
  if (bind(s, (struct sockaddr*)&me, sizeof me) < 0) die("bind");
  if (listen(s, SOMAXCONN) < 0) die("listen");
  for (;;) {
    int c = accept(s, NULL, NULL);
    if (c < 0) die("accept");
    switch (fork()) {
      case -1: die("fork"); break;
      case 0:
        close(s);
        serve(c);
        exit(0);
      default: close(c);
    }
  }
}
