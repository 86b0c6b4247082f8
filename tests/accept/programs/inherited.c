/* A server for socket activation, by the rules of sd_listen_fds(3) and without its library. */
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

int main(void) {
  const char *pid = getenv("LISTEN_PID"), *fds = getenv("LISTEN_FDS");
  int listening = 0;
  socklen_t size = sizeof listening;

  if (!pid || !fds || atol(pid) != (long)getpid() || atoi(fds) != 1) {
    fprintf(stderr, "inherited: no socket: LISTEN_PID=%s LISTEN_FDS=%s\n", pid ? pid : "", fds ? fds : "");
    return 1;
  }
  if (getsockopt(3, SOL_SOCKET, SO_ACCEPTCONN, &listening, &size) < 0 || !listening) {
    fprintf(stderr, "inherited: 3 does not listen\n");
    return 1;
  }
  for (;;) {
    char buf[512];
    ssize_t n;
    int c = accept(3, NULL, NULL);
    if (c < 0) continue;
    while ((n = read(c, buf, sizeof buf)) > 0) {
      if (write(c, buf, (size_t)n) != n) break;
    }
    close(c);
  }
}
