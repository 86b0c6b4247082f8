/* A program that does what a test tells it: each datagram from its standard input is a call, its answer is the result
   ("7", or "-1 EAGAIN"). Its threads, children and successors obey the sockets at 100, 101 …
   It knows nothing of the library under test. */
#define _GNU_SOURCE
#include "calls.h"

#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <spawn.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

enum { FIRST_HELPER = 100 };

static char* own_path;
static volatile sig_atomic_t caught;
static int closed_at_exit = -1;

static void obey(int control);

static void count(int number) {
  (void)number;
  ++caught;
}

static void leave(int number) {
  (void)number;
  _exit(7);
}

static long set_signal(int number, const char* how) {
  struct sigaction action;
  memset(&action, 0, sizeof(action));
  action.sa_handler = strcmp(how, "default") == 0  ? SIG_DFL
                      : strcmp(how, "ignore") == 0 ? SIG_IGN
                      : strcmp(how, "leave") == 0  ? leave
                                                   : count;
  action.sa_flags = strcmp(how, "restart") == 0 ? SA_RESTART : 0;
  return sigaction(number, &action, NULL);
}

static void* helper(void* control) {
  obey((int)(intptr_t)control);
  return NULL;
}

static long start_thread(int control) {
  pthread_t thread;
  errno = pthread_create(&thread, NULL, helper, (void*)(intptr_t)control);
  return errno == 0 ? pthread_detach(thread) : -1;
}

static long start_child(int control) {
  pid_t child = fork();
  if (child != 0) return child;
  obey(control);
  _exit(0);
}

static long start_idle_children(long count) {
  for (long i = 0; i < count; ++i) {
    pid_t child = fork();
    if (child < 0) return -1;
    if (child > 0) continue;
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    for (;;) pause();
  }
  return count;
}

/* To a buffer, which exit() writes. */
static long print_to(int fd, const char* text) {
  FILE* file = fdopen(fd, "w");
  return file != NULL && fputs(text, file) >= 0 ? 0 : -1;
}

/* The child closes the descriptor, if it gets one, in memory that it shares with its parent. */
static long start_by_vfork(int closes) {
  pid_t child = vfork();
  if (child != 0) return child;
  if (closes >= 0) close(closes);
  execl("/bin/true", "true", (char*)NULL);
  _exit(1);
}

static long start_by_spawn(void) {
  char* arguments[] = {"true", NULL};
  char* none[] = {NULL};
  pid_t child = -1;
  errno = posix_spawn(&child, "/bin/true", NULL, NULL, arguments, none);
  return errno == 0 ? child : -1;
}

static long become(int control) {
  char number[16];
  snprintf(number, sizeof(number), "%d", control);
  execl(own_path, own_path, number, (char*)NULL);
  return -1;
}

static long limit_descriptors(rlim_t limit) {
  struct rlimit limits = {limit, limit};
  return setrlimit(RLIMIT_NOFILE, &limits);
}

static void close_at_exit(void) { close(closed_at_exit); }

static long call_about_processes(int control, char** word) {
  long a = word[1] != NULL ? atol(word[1]) : 0;
  if (strcmp(word[0], "thread") == 0) return start_thread(FIRST_HELPER + (int)a);
  if (strcmp(word[0], "fork") == 0) return start_child(FIRST_HELPER + (int)a);
  if (strcmp(word[0], "fork-many") == 0) return start_idle_children(a);
  if (strcmp(word[0], "print") == 0) return print_to((int)a, word[2]);
  if (strcmp(word[0], "vfork") == 0) return start_by_vfork((int)a);
  if (strcmp(word[0], "spawn") == 0) return start_by_spawn();
  if (strcmp(word[0], "exec") == 0) return become(control);
  if (strcmp(word[0], "exec-of") == 0) return execl(word[1], word[1], (char*)NULL);
  if (strcmp(word[0], "execp-of") == 0) return execlp(word[1], word[1], (char*)NULL);
  if (strcmp(word[0], "wait") == 0) return wait(NULL);
  if (strcmp(word[0], "getpid") == 0) return getpid();
  if (strcmp(word[0], "gettid") == 0) return gettid();
  if (strcmp(word[0], "signal") == 0) return set_signal((int)a, word[2]);
  if (strcmp(word[0], "caught") == 0) return caught;
  if (strcmp(word[0], "nofile") == 0) return limit_descriptors((rlim_t)a);
  if (strcmp(word[0], "setuid") == 0) return setuid((uid_t)a);
  if (strcmp(word[0], "setsid") == 0) return setsid();
  if (strcmp(word[0], "exit") == 0) exit((int)a);
  if (strcmp(word[0], "_exit") == 0) _exit((int)a);
  if (strcmp(word[0], "at-exit") == 0) {
    closed_at_exit = (int)a;
    return atexit(close_at_exit);
  }
  return NO_SUCH_CALL;
}

static void obey(int control) {
  char command[512];
  ssize_t size;
  while ((size = recv(control, command, sizeof(command) - 1, 0)) > 0 || (size < 0 && errno == EINTR)) {
    if (size < 0) continue;
    command[size] = 0;
    char* word[16] = {NULL};
    char* rest = NULL;
    int words = 0;
    for (char* next = strtok_r(command, " ", &rest); next != NULL && words < 15; next = strtok_r(NULL, " ", &rest))
      word[words++] = next;
    char more[256] = "";
    errno = 0;
    long result = call_about_processes(control, word);
    if (result == NO_SUCH_CALL) result = call_about_descriptors(word, more, sizeof(more));
    if (result == NO_SUCH_CALL) abort();
    char answer[512];
    if (result == -1) snprintf(answer, sizeof(answer), "-1 %s", strerrorname_np(errno));
    else snprintf(answer, sizeof(answer), "%ld%s%s", result, more[0] != 0 ? " " : "", more);
    send(control, answer, strlen(answer), MSG_NOSIGNAL);
  }
}

int main(int count_of_arguments, char** arguments) {
  own_path = arguments[0];
  obey(count_of_arguments > 1 ? atoi(arguments[1]) : 0);
  return 0;
}
