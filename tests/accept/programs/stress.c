/* Threads that accept and then do with a connection what programs do, at random: `stress PORT SEED`. Each connection is
   answered with what its client sends, and closed by whoever has it last. Children may kill themselves. */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

enum { THREADS = 6 };

/* ThreadSanitizer follows descriptors by the calls that it sees; those of a preloaded library it does not see. */
const char* __tsan_default_suppressions(void) {
  return "race:^recv$\nrace:^send$\nrace:^close$\nrace:^fclose$\nrace:^dup$\nrace:^fcntl$\nrace:^epoll_\nrace:^accept4$\n";
}

static int s = -1;
static unsigned first_seed;

static int one_of(unsigned* seed, unsigned n) { return (int)((unsigned)rand_r(seed) % n); }

static void answer(int c) {
  char buf[64];
  ssize_t n = recv(c, buf, sizeof buf, 0);
  if (n > 0) send(c, buf, (size_t)n, MSG_NOSIGNAL);
}

static void* close_later(void* fd) {
  sched_yield();
  close((int)(long)fd);
  return NULL;
}

static void in_thread(int c) {
  pthread_t t;
  answer(c);
  if (pthread_create(&t, NULL, close_later, (void*)(long)c) == 0) pthread_detach(t);
  else close(c);
}

static void in_child(int c, unsigned* seed) {
  int how = one_of(seed, 4);
  pid_t p = fork();
  if (p < 0) answer(c);
  if (p == 0) {
    answer(c);
    if (how == 0) kill(getpid(), SIGKILL);
    if (how == 1) close(c);
    if (how == 2) dup(c);
    _exit(0);
  }
  if (how == 3) sched_yield();
  close(c);
}

static void through_copies(int c, unsigned* seed) {
  int copy = one_of(seed, 2) ? dup(c) : fcntl(c, F_DUPFD_CLOEXEC, 0);
  if (copy < 0) copy = -1;
  if (one_of(seed, 2)) {
    close(c);
    c = copy;
  } else if (copy >= 0) {
    close(copy);
  }
  answer(c);
  close(c);
}

static void through_epoll(int c) {
  struct epoll_event e = {.events = EPOLLIN, .data.fd = c};
  int ep = epoll_create1(EPOLL_CLOEXEC);
  epoll_ctl(ep, EPOLL_CTL_ADD, c, &e);
  epoll_wait(ep, &e, 1, 1000);
  answer(c);
  close(c);
  close(ep);
}

static void through_file(int c) {
  FILE* f;
  answer(c);
  f = fdopen(c, "r+");
  if (f) fclose(f);
  else close(c);
}

static void* serve(void* number) {
  unsigned seed = first_seed * 31 + (unsigned)(long)number;
  for (;;) {
    int c = accept4(s, NULL, NULL, one_of(&seed, 2) ? SOCK_CLOEXEC : 0);
    if (c < 0) continue;
    switch (one_of(&seed, 6)) {
      case 0: in_thread(c); break;
      case 1: in_child(c, &seed); break;
      case 2: through_copies(c, &seed); break;
      case 3: through_epoll(c); break;
      case 4: through_file(c); break;
      default: answer(c); close(c);
    }
  }
  return NULL;
}

int main(int argc, char** argv) {
  struct sockaddr_in me = {.sin_family = AF_INET};
  pthread_t t;
  long i;
  if (argc < 3) return 2;
  first_seed = (unsigned)strtoul(argv[2], NULL, 10);
  signal(SIGCHLD, first_seed % 2 ? SIG_IGN : SIG_DFL);
  s = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  me.sin_port = htons((unsigned short)atoi(argv[1]));
  if (bind(s, (struct sockaddr*)&me, sizeof me) < 0 || listen(s, 128) < 0) {
    perror("stress");
    return 1;
  }
  for (i = 0; i < THREADS; ++i) {
    if (pthread_create(&t, NULL, serve, (void*)i) != 0) return 1;
  }
  for (;;) {
    if (waitpid(-1, NULL, 0) < 0) usleep(2000);
  }
}
