/* A server for socket activation with two sockets: `two PROCESSES`. It asks both in turn without a wait, and tells each
 * client the number of the socket that it came by. */
#include <fcntl.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

int main(int argc, char** argv) {
  int i, s;

  for (s = 3; s <= 4; ++s) fcntl(s, F_SETFL, O_NONBLOCK);
  for (i = argc > 1 ? atoi(argv[1]) : 1; i > 1; --i) {
    if (fork() == 0) break;
  }
  for (;;) {
    for (s = 3; s <= 4; ++s) {
      int c = accept(s, NULL, NULL);
      if (c < 0) continue;
      if (write(c, s == 3 ? "0" : "1", 1) != 1) _exit(1);
      close(c);
    }
  }
}
