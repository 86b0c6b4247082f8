/* A master that forks its workers before they accept, and forks again when one dies: `prefork PORT CHILDREN`. */
#include <netinet/in.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

static volatile sig_atomic_t stop;

static void on_term(int sig) {
  (void)sig;
  stop = 1;
}

static void worker(int s) {
  char buf[512];
  ssize_t n;
  signal(SIGTERM, SIG_DFL);
  for (;;) {
    int c = accept(s, NULL, NULL);
    if (c < 0) continue;
    while ((n = read(c, buf, sizeof buf)) > 0) {
      if (write(c, buf, (size_t)n) != n) break;
    }
    close(c);
  }
}

static pid_t start(int s) {
  pid_t p = fork();
  if (p == 0) worker(s);
  return p;
}

int main(int argc, char** argv) {
  struct sockaddr_in me;
  struct sigaction sa;
  pid_t child[64];
  int i, n = argc > 2 ? atoi(argv[2]) : 4, s = socket(AF_INET, SOCK_STREAM, 0);

  memset(&me, 0, sizeof me);
  me.sin_family = AF_INET;
  me.sin_port = htons((unsigned short)atoi(argv[1]));
  if (bind(s, (struct sockaddr*)&me, sizeof me) < 0 || listen(s, 128) < 0) {
    perror("prefork");
    return 1;
  }
  memset(&sa, 0, sizeof sa);
  sa.sa_handler = on_term;
  sigaction(SIGTERM, &sa, NULL);
  for (i = 0; i < n; ++i) child[i] = start(s);
  while (!stop) {
    pid_t p = wait(NULL);
    for (i = 0; p > 0 && i < n; ++i) {
      if (child[i] == p) child[i] = start(s);
    }
  }
  for (i = 0; i < n; ++i) kill(child[i], SIGTERM);
  while (wait(NULL) > 0) {}
  return 0;
}
